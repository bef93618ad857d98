import { BadRequestException, ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { plainToInstance } from 'class-transformer';
import { validate } from 'class-validator';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { EntityManager, MoreThan, QueryFailedError, Repository } from 'typeorm';
import { CreateBookDto, PageDto, UpdateBookDto } from './book.dto';
import { Book } from './book.entity';

const CHUNK = 1_000; // rows a statement: well below the 65,535 parameters one may have

@Injectable()
export class BooksService {
  constructor(@InjectRepository(Book) private readonly books: Repository<Book>) {}

  async findOne(id: string): Promise<Book> {
    const book = await this.books.findOneBy({ id });
    if (!book) throw new NotFoundException();
    return book;
  }

  async findPage({ limit, offset }: PageDto): Promise<{ items: Book[] }> {
    const items = await this.books.find({ order: { createdAt: 'ASC', id: 'ASC' }, take: limit, skip: offset });
    return { items };
  }

  create(dto: CreateBookDto): Promise<Book> {
    return this.books.save(this.books.create(dto)).catch(conflict);
  }

  createMany(dtos: CreateBookDto[]): Promise<Book[]> {
    return this.books.save(this.books.create(dtos), { chunk: CHUNK }).catch(conflict);
  }

  async upsertMany(dtos: CreateBookDto[]): Promise<{ count: number }> {
    await this.books.manager.transaction(async (manager) => {
      for (let start = 0; start < dtos.length; start += CHUNK) {
        await manager.upsert(Book, dtos.slice(start, start + CHUNK), ['identifier']);
      }
    });
    return { count: dtos.length };
  }

  async updateMany(dtos: UpdateBookDto[]): Promise<{ count: number }> {
    await this.books.save(dtos, { chunk: CHUNK }).catch(conflict);
    return { count: dtos.length };
  }

  /** Inserts the books of an NDJSON body, all or none. */
  async importAll(body: Readable): Promise<{ count: number }> {
    let count = 0;
    await this.books.manager.transaction(async (manager) => {
      let lines: string[] = [];
      for await (const line of createInterface({ input: body })) {
        if (lines.push(line) < CHUNK) continue;
        count += await this.importSome(manager, lines);
        lines = [];
      }
      count += await this.importSome(manager, lines);
    });
    return { count };
  }

  /** Every book in the order of their ids, as NDJSON, read a page at a time. */
  exportAll(): Readable {
    return Readable.from(this.linesOfPages());
  }

  private async importSome(manager: EntityManager, lines: string[]): Promise<number> {
    const dtos = plainToInstance(
      CreateBookDto,
      lines.map((line) => JSON.parse(line)),
    );
    for (const dto of dtos) {
      const errors = await validate(dto, { whitelist: true, forbidNonWhitelisted: true });
      if (errors.length) throw new BadRequestException(errors);
    }
    if (dtos.length) await manager.insert(Book, dtos).catch(conflict);
    return dtos.length;
  }

  private async *linesOfPages(): AsyncGenerator<string> {
    for (let last: string | undefined; ;) {
      const page = await this.books.find({
        where: last ? { id: MoreThan(last) } : {},
        order: { id: 'ASC' },
        take: CHUNK,
      });
      if (!page.length) return;
      yield page.map((book) => `${JSON.stringify(book)}\n`).join('');
      last = page[page.length - 1].id;
    }
  }
}

function conflict(error: unknown): never {
  if (error instanceof QueryFailedError && error.driverError.code === '23505') throw new ConflictException();
  throw error;
}
