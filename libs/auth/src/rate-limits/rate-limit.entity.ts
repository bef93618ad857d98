import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** How much of a limit has been used up. The names are those that rate-limiter-flexible writes by. */
@Entity({ schema: 'platform' })
@Index(['expire'])
export class RateLimit {
  /** Which limit, and whose. */
  @PrimaryColumn('text')
  key: string;

  @Column('int', { default: 0 })
  points: number;

  /** When it begins anew, in milliseconds since 1970. */
  @Column('bigint', { nullable: true })
  expire: string | null;
}
