export * from './critic.dto';
export * from './critic.entity';
export * from './critic.factory';
export * from './critics.module';
export * from './critics.service';
