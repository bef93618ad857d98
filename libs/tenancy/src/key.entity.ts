import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A secret the installation made for itself, for where none is set: all its processes share it. */
@Entity({ schema: 'platform' })
export class Key {
  @PrimaryColumn('text')
  name: string;

  @Column('text')
  value: string;
}
