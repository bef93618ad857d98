import { Inject, Injectable, OnModuleInit } from '@nestjs/common';
import { DataSource, EntityMetadata } from 'typeorm';
import { DATABASE, type Database } from '@app/database';
import { findMissingTrigger } from '@app/tenancy';
import { argumentsOf, AuditOptions, TRIGGERS } from './audit-table';
import { auditedOf } from './audited.decorator';

/** Refuses to start where the log should tell of a model, and Postgres was not told to write so. */
@Injectable()
export class Proof implements OnModuleInit {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    private readonly dataSource: DataSource,
  ) {}

  async onModuleInit(): Promise<void> {
    const audited = this.dataSource.entityMetadatas.flatMap((metadata) => promiseOf(metadata) ?? []);
    const expected = audited.flatMap(({ table, columns }) =>
      TRIGGERS.map((name) => ({ table, name, arguments: argumentsOf(columns) })),
    );
    const broken = await findMissingTrigger(this.dataSource, this.database, expected);
    if (!broken) return;
    const { name, table, columns } = audited.find(({ table }) => table === broken.table)!;
    throw new Error(
      `${name} is @Audited(), and in the tenant ${broken.tenant} its table does not write into the log what that says. ` +
        `Type into a migration: await auditTable(runner, '${table}', ${JSON.stringify(columns)}); before it, if the table was ` +
        `audited otherwise: await stopAudit(runner, '${table}').`,
    );
  }
}

/** What an entity says of its audit, in the words of its migration; undefined where it says nothing. */
function promiseOf(metadata: EntityMetadata): { name: string; table: string; columns: AuditOptions } | undefined {
  const said = auditedOf(metadata.target as object);
  if (!said) return undefined;
  const inDatabase = (properties: string[] | undefined) =>
    properties?.map((property) => {
      const column = metadata.findColumnWithPropertyName(property);
      if (!column) throw new Error(`${metadata.name} is @Audited() with ${property}, which is no column of it.`);
      return column.databaseName;
    });
  const columns = { secret: inDatabase(said.secret), silent: inDatabase(said.silent) };
  return { name: metadata.name, table: metadata.tableName, columns };
}
