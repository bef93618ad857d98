import { Controller, Get, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { Book } from './book.entity';
import { BooksController } from './books.controller';
import { BooksService } from './books.service';

@Controller('health')
class HealthController {
  constructor(private readonly dataSource: DataSource) {}

  @Get('ready')
  async ready(): Promise<{ status: string }> {
    await this.dataSource.query('SELECT 1');
    return { status: 'ready' };
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: process.env.DATABASE_URL,
      poolSize: 10,
      entities: [Book],
      installExtensions: false, // Postgres makes uuids without one
    }),
    TypeOrmModule.forFeature([Book]),
  ],
  controllers: [HealthController, BooksController],
  providers: [BooksService],
})
export class AppModule {}
