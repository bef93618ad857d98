import {
  Body,
  Controller,
  Get,
  HttpCode,
  Param,
  ParseArrayPipe,
  ParseUUIDPipe,
  Patch,
  Post,
  Put,
  Query,
  Req,
  StreamableFile,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';
import { CreateBookDto, PageDto, UpdateBookDto } from './book.dto';
import { Book } from './book.entity';
import { BooksService } from './books.service';

const arrayOf = (items: new () => object) => new ParseArrayPipe({ items, whitelist: true, forbidNonWhitelisted: true });

@Controller('books')
export class BooksController {
  constructor(private readonly books: BooksService) {}

  @Get('export')
  exportAll(): StreamableFile {
    return new StreamableFile(this.books.exportAll(), { type: 'application/x-ndjson' });
  }

  @Post('import')
  @HttpCode(200)
  importAll(@Req() request: FastifyRequest): Promise<{ count: number }> {
    return this.books.importAll(request.body as Readable);
  }

  @Get()
  findPage(@Query() page: PageDto): Promise<{ items: Book[] }> {
    return this.books.findPage(page);
  }

  @Get(':id')
  findOne(@Param('id', ParseUUIDPipe) id: string): Promise<Book> {
    return this.books.findOne(id);
  }

  @Post()
  create(@Body() dto: CreateBookDto): Promise<Book> {
    return this.books.create(dto);
  }

  @Post('bulk')
  createMany(@Body(arrayOf(CreateBookDto)) dtos: CreateBookDto[]): Promise<Book[]> {
    return this.books.createMany(dtos);
  }

  @Put('bulk')
  upsertMany(@Body(arrayOf(CreateBookDto)) dtos: CreateBookDto[]): Promise<{ count: number }> {
    return this.books.upsertMany(dtos);
  }

  @Patch('bulk')
  updateMany(@Body(arrayOf(UpdateBookDto)) dtos: UpdateBookDto[]): Promise<{ count: number }> {
    return this.books.updateMany(dtos);
  }
}
