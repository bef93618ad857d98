import { BookTable } from '../book-table';
import { Stage } from '../stage';
import { Target } from './target';

/** One of the programs ours is compared with, on a table like ours; its README says what it is. */
export async function startYardstick(
  stage: Stage,
  name: 'bare' | 'plain',
  holds: number,
  model: BookTable,
): Promise<Target> {
  const table = stage.table(name);
  await table.createLike(model);
  await table.leaveToUs();
  await table.hold(holds);
  return stage.start(name, holds, table, {
    main: `bench/src/targets/${name}/main.js`,
    env: { NODE_ENV: 'production', DATABASE_URL: stage.url(name) },
  });
}
