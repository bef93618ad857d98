import { Inject, Injectable, OnModuleInit } from '@nestjs/common';
import { DataSource, EntityMetadata } from 'typeorm';
import { DATABASE, type Database } from '@app/database';
import { type ExpectedTrigger, findMissingTrigger } from '@app/tenancy';
import { TRIGGERS } from './triggers';
import { versionsOf } from './versions-table';
import { AppendOnlyEntity } from './append-only.entity';
import { served } from './append-only.service';

/** Refuses to start where a model is called append-only, and is not one all the way from its service to its tables. */
@Injectable()
export class Proof implements OnModuleInit {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    private readonly dataSource: DataSource,
  ) {}

  async onModuleInit(): Promise<void> {
    const models = this.dataSource.entityMetadatas.filter(
      ({ target }) => typeof target === 'function' && target.prototype instanceof AppendOnlyEntity,
    );
    for (const model of models) demandService(model);
    const missing = await findMissingTrigger(this.dataSource, this.database, models.flatMap(triggersOf));
    if (!missing) return;
    const { name, tableName } = models.find(({ tableName }) =>
      [tableName, versionsOf(tableName)].includes(missing.table),
    )!;
    throw new Error(
      `${name} is an AppendOnlyEntity, and in the tenant ${missing.tenant} the table ${missing.table} is not what that takes. ` +
        `Type into a migration: await appendOnlyTable(runner, '${tableName}'); and again after each change of its columns.`,
    );
  }
}

function demandService({ name, target, deleteDateColumn, foreignKeys }: EntityMetadata): void {
  if (deleteDateColumn)
    throw new Error(
      `${name} is append-only, where a deleted record is only the last of its versions: take its column ${deleteDateColumn.propertyName} away.`,
    );
  const rewriting = foreignKeys.find(({ onDelete, onUpdate }) =>
    [onDelete, onUpdate].some((act) => REWRITES.test(act ?? '')),
  );
  if (rewriting)
    throw new Error(
      `${name} is append-only, and its ${rewriting.columns[0].propertyName} would have Postgres rewrite it: make that onDelete: 'RESTRICT'.`,
    );
  if (!served.has(target))
    throw new Error(
      `${name} is an AppendOnlyEntity: let its service extend AppendOnlyService, which alone can write it.`,
    );
}

const REWRITES = /CASCADE|SET/;

/** Of columns the trigger may know more than the entity: those of a release that has come since. */
function triggersOf({ tableName, columns }: EntityMetadata): ExpectedTrigger[] {
  const names = columns.map(({ databaseName }) => databaseName);
  return [
    ...TRIGGERS.versions.map((name) => ({
      table: versionsOf(tableName),
      name,
      knows: name === 'append_only_project' ? names : undefined,
    })),
    ...TRIGGERS.records.map((name) => ({ table: tableName, name })),
  ];
}
