import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import { isUUID } from 'class-validator';
import { withDataSource } from '@app/database';
import { eraseRecord } from '@app/erasure';
import { tenantSchema } from '@app/tenancy';
import { say, withDatabase } from '../with-database';
import type { Command } from '.';

const HOW =
  'Type npm run cli -- erase MODEL ID --tenant NAME --reason WHY, such as erase critic 019ab3c2-… --tenant acme.';

export const erase: Command = {
  help: 'MODEL ID --tenant NAME --reason WHY: erase what a record tells of a person, wherever it does',
  run: async (args) => {
    const { positionals, values } = parseArgs({
      args,
      options: { tenant: { type: 'string' }, reason: { type: 'string' } },
      allowPositionals: true,
    });
    const [model, id, ...more] = positionals;
    const { tenant, reason } = values;
    if (more.length || !model || !isUUID(id, 'loose') || !tenant || !reason) throw new Error(HOW);

    await withDatabase(async (database) => {
      const { schema } = await tenantSchema(database, tenant);
      await withDataSource(database, 'tenant', schema, (dataSource) =>
        dataSource.transaction(async (manager) => {
          const table = dataSource.entityMetadatas.find(
            ({ name }) => name.toLowerCase() === model.toLowerCase(),
          )?.tableName;
          if (!table) throw new Error(`There is no model called ${model}.`);
          await manager.query(`SELECT set_config('app.actor', $1, true)`, [`cli:${userInfo().username}`]);
          const done = await eraseRecord(manager, table, id, reason);
          if (!done) throw new Error(`There is no ${model} ${id} in the tenant ${tenant}, and nothing of it is known.`);
          const { columns, records, versions, auditEntries, answers } = done;
          say(
            `Erased ${columns.join(', ')} from ${records} records, ${versions} versions and ${auditEntries} entries of the audit, ` +
              `and ${answers} stored answers.`,
          );
        }),
      );
    });
  },
};
