import { AppendOnlyService } from '@app/append-only';
import { BooksService } from '@app/domain';

/** The product with append-only books: what a release would do by `extends AppendOnlyService<Book>`. */
Object.setPrototypeOf(BooksService, AppendOnlyService);
Object.setPrototypeOf(BooksService.prototype, AppendOnlyService.prototype);
void import('./standard.js');
