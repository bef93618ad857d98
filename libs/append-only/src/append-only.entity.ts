import { BaseEntity } from '@app/database';

/** A record of which every version is kept. What is read and referred to is the last one. */
export abstract class AppendOnlyEntity extends BaseEntity {
  /** Nothing at run time: it keeps AppendOnlyService from taking an entity that only looks like one of these. */
  declare protected readonly keepsVersions: true;
}
