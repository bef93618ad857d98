import { Controller, Get, Param } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Require } from '@app/access';
import { CrudController, Documents } from '@app/crud';
import { BookDto, CreateBookDto, UpdateBookDto } from './book.dto';
import { Book } from './book.entity';
import { BooksService } from './books.service';

@ApiTags('Books')
@Controller('books')
export class BooksController extends CrudController(Book, {
  read: BookDto,
  create: CreateBookDto,
  update: UpdateBookDto,
}) {
  constructor(private readonly books: BooksService) {
    super(books);
  }

  @Get('by-identifier/:identifier')
  @Require(':read')
  @Documents('Read the Book with this identifier', { 200: BookDto }, [404])
  async readByIdentifier(@Param('identifier') identifier: string): Promise<BookDto> {
    return this.toDto(await this.books.readOneBy({ identifier }));
  }
}
