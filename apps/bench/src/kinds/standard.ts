import { AUDITED } from '@app/audit';
import { Book } from '@app/domain';

/** The product with books that are neither audited nor append-only, as its yardsticks' are. */
Reflect.deleteMetadata(AUDITED, Book);
void import('../../../api/src/main.js');
