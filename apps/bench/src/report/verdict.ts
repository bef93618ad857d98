import { Goal, Measured, Samples } from './figure';

/** The middle of `values`; of an even number, the mean of the two in the middle. NaN of none. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median of a target's rounds; NaN if it lacks the thing. */
export const middleOf = (samples: Samples | undefined): number => (Array.isArray(samples) ? median(samples) : NaN);

/** How much more the one is than the other: the median over the rounds, for what slows a round slows both. NaN if one lacks it. */
export function ratio(one: Samples | undefined, other: Samples | undefined): number {
  if (!Array.isArray(one) || !Array.isArray(other)) return NaN;
  return median(one.map((value, round) => value / other[round]));
}

/** Whether ours has reached `goal`, which it has not when it lacks the thing; undefined when there is nothing to compare with. */
export function isMet(goal: Goal, { figure, samples }: Measured, all: Measured[]): boolean | undefined {
  if (!Array.isArray(samples.ours)) return false;
  if (!('times' in goal)) {
    const value = median(samples.ours);
    if (Number.isNaN(value)) return undefined;
    return 'below' in goal ? value < goal.below : value > goal.above;
  }
  const yardstick = all.find(({ figure: { title } }) => title === (goal.at ?? figure.title))?.samples[goal.of];
  const times = ratio(samples.ours, yardstick);
  return Number.isNaN(times) ? undefined : times >= goal.times;
}
