export * from './dead-letters';
export { Hopeless } from './hopeless';
export {
  Job,
  type JobHandler,
  type JobOptions,
  type JobOutcome,
  type JobType,
  type SayProgress,
} from './job.decorator';
export { JobDto } from './job.dto';
export { Jobs, type Enqueue } from './jobs.service';
export * from './jobs.module';
export * from './migrate-jobs';
export { Worker } from './worker';
