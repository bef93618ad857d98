import pLimit from 'p-limit';
import { upTo } from '../books';
import { Plan } from '../plan';
import { Figure } from '../report/figure';
import { shortly } from '../report/format';
import { Workplace } from './workplace';

const AT_ONCE = 8; // units of work that leave a job each, as requests do
const LOOK_MS = 1; // between looks at a job somebody waits for
const LOOK_AT_MANY_MS = 50; // between looks at many, so that looking costs them nothing

/** Something that is measured of jobs. */
export interface Trial {
  /** The processes that work meanwhile. */
  workers: number;
  figures: Figure[];
  /** A value for each figure. There are no jobs before. */
  measure(place: Workplace): Promise<number[]>;
}

/** All there are, the fewest workers first. */
export function trials({ jobs, jobsSingly, jobsAwaited }: Plan): Trial[] {
  return [
    {
      workers: 0,
      figures: [{ title: `leave ${shortly(jobs)} in one call`, unit: 'jobs/s', atLeast: { above: 5_000 } }],
      measure: async (place) => [jobs / (await seconds(() => place.leave(jobs)))],
    },
    {
      workers: 0,
      figures: [{ title: `leave one, ${AT_ONCE} at a time`, unit: 'jobs/s' }],
      measure: async (place) => {
        const few = pLimit(AT_ONCE);
        const all = () => Promise.all(upTo(jobsSingly, (n) => few(() => place.leave(1, n))));
        return [jobsSingly / (await seconds(all))];
      },
    },
    {
      workers: 1,
      figures: [
        { title: 'from left to done, one at a time: median', unit: 'ms' },
        { title: 'from left to done, one at a time: longest but 1 %', unit: 'ms' },
      ],
      measure: async (place) => {
        const waits: number[] = [];
        for (let n = 1; n <= jobsAwaited; n++) {
          await place.leave(1, n);
          waits.push(1_000 * (await seconds(() => place.untilDone(n, LOOK_MS))));
        }
        waits.sort((a, b) => a - b);
        return [0.5, 0.99].map((share) => waits[Math.ceil(share * waits.length) - 1]);
      },
    },
    done(jobs, 1, 'one worker'),
    done(jobs, 2, 'two workers'),
  ];
}

/** How many are done in a second after they were left, in as many units of work as there are tenants. */
function done(jobs: number, workers: number, by: string): Trial {
  return {
    workers,
    figures: [{ title: `do ${shortly(jobs)}, by ${by}`, unit: 'jobs/s' }],
    measure: async (place) => {
      await place.leaveToAll(jobs);
      return [jobs / (await seconds(() => place.untilDone(jobs, LOOK_AT_MANY_MS)))];
    },
  };
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1_000;
}
