import { Plan } from '../plan';
import { Measured } from '../report/figure';
import { Stage } from '../stage';
import { Trial } from './trials';
import { Workplace } from './workplace';

export { type Trial, trials } from './trials';

const TENANTS = 10;

/** Makes an installation of ours, and tries in it how many jobs are left and done in a second. */
export async function measureJobs(
  trials: Trial[],
  stage: Stage,
  { rounds, booksOfTenant }: Plan,
  tell: (line: string) => void,
): Promise<Measured[]> {
  const all: Measured[] = [];
  const place = await Workplace.open(stage, TENANTS, booksOfTenant);
  try {
    for (const { workers, figures, measure } of trials) {
      const measured = figures.map((figure): Measured => ({ figure, samples: { ours: [] } }));
      await place.employ(workers);
      for (let round = 0; round <= rounds; round++) {
        tell(`jobs, ${round ? `round ${round} of ${rounds}` : 'warming up'}: ${figures[0].title}`);
        await place.clear();
        const values = await measure(place);
        if (round) measured.forEach(({ samples }, index) => (samples.ours as number[]).push(values[index]));
      }
      all.push(...measured);
    }
  } finally {
    await place.close();
  }
  return all;
}
