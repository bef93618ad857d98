import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import { isUUID } from 'class-validator';
import { type Database, withDataSource } from '@app/database';
import { eraseRecord } from '@app/erasure';
import { listTenants, tenantSchema } from '@app/tenancy';
import { say, withDatabase } from '../with-database';
import type { Command } from '.';

const HOW =
  'Type npm run cli -- erase MODEL ID --tenant NAME --reason WHY, such as erase critic 019ab3c2-… --tenant acme.';

const PATIENCE = '30s'; // for who writes the record; migrations, whose connection this is, give up sooner

/** Who types this: by name, or by number in an image that knows no names. */
function operator(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.());
  }
}

/** Where there is but one, it need not be named. */
async function onlyTenant(database: Database): Promise<string> {
  const [tenant, ...others] = await listTenants(database);
  if (!tenant || others.length) throw new Error(`Say which tenant: ${HOW}`);
  return tenant.name;
}

export const erase: Command = {
  help: 'MODEL ID --reason WHY [--tenant NAME]: erase what a record tells of a person, wherever it does',
  run: async (args) => {
    const { positionals, values } = parseArgs({
      args,
      options: { tenant: { type: 'string' }, reason: { type: 'string' } },
      allowPositionals: true,
    });
    const [model, id, ...more] = positionals;
    const { reason } = values;
    if (more.length || !model || !isUUID(id, 'loose') || !reason) throw new Error(HOW);

    await withDatabase(async (database) => {
      const { name: tenant, schema } = await tenantSchema(database, values.tenant ?? (await onlyTenant(database)));
      await withDataSource(database, 'tenant', schema, (dataSource) =>
        dataSource.transaction(async (manager) => {
          const table = dataSource.entityMetadatas.find(
            ({ name }) => name.toLowerCase() === model.toLowerCase(),
          )?.tableName;
          if (!table) throw new Error(`There is no model called ${model}.`);
          await manager.query(`SELECT set_config('app.actor', $1, true), set_config('lock_timeout', $2, true)`, [
            `cli:${operator()}`,
            PATIENCE,
          ]);
          const done = await eraseRecord(manager, table, id, reason);
          if (!done) throw new Error(`There is no ${model} ${id} in the tenant ${tenant}, and nothing of it is known.`);
          const { columns, records, versions, auditEntries, answers } = done;
          say(
            `Erased ${columns.join(', ')}. Records: ${records}. Versions: ${versions}. Entries of the audit: ${auditEntries}. ` +
              `Stored answers: ${answers}.`,
          );
        }),
      );
    });
  },
};
