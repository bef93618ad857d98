import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { CrudService } from '@app/crud';
import { Book } from './book.entity';

@Injectable()
export class BooksService extends CrudService<Book> {
  constructor(@InjectRepository(Book) books: Repository<Book>) {
    super(books);
  }
}
