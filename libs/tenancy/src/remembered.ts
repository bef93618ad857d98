interface Known<T> {
  value: T;
  until: number;
  /** Whether anybody asked since it was looked up. */
  isUsed: boolean;
}

/** Finds out about many keys at once: for each, in their order, what there is, or the error that says why there is nothing. */
export type LookUp<T> = (keys: string[]) => Promise<(T | Error)[]>;

/** Finds out about many keys one at a time. */
export const oneByOne =
  <T>(ask: (key: string) => Promise<T>): LookUp<T> =>
  (keys) =>
    Promise.all(keys.map((key) => ask(key).catch((error: Error) => error)));

const MOST_ALONG = 100; // keys that are looked up together with one that has to be

/**
 * What was found out lately about each of many keys. What is asked for often costs nothing: however many ask for the same
 * at once, it is looked up once, and what is used and will soon be out of date is looked up along with what is. A failure
 * is not remembered.
 */
export class Remembered<T> {
  /** In the order in which they were looked up. */
  private readonly known = new Map<string, Known<T>>();
  private readonly asked = new Map<string, Promise<T>>();

  /** Keeps each value for `ms` milliseconds, or until `endOf` it, and at most so many: those that were looked up last. */
  constructor(
    private readonly lookUp: LookUp<T>,
    private readonly ms: number,
    private readonly most: number,
    private readonly endOf: (value: T) => number = () => Infinity,
  ) {}

  /** What is known about `key`, or else what can be found out. */
  get(key: string): T | Promise<T> {
    const known = this.known.get(key);
    if (!known || known.until <= Date.now()) return this.asked.get(key) ?? this.ask(key);
    known.isUsed = true;
    return known.value;
  }

  forget(key: string): void {
    this.known.delete(key);
  }

  private ask(key: string): Promise<T> {
    const keys = [key, ...this.dueWith(key)];
    const all = this.lookUp(keys);
    for (const [n, each] of keys.entries()) {
      const one = all.then((found) => this.keep(each, found[n])).finally(() => this.asked.delete(each));
      one.catch(() => undefined); // nobody may be waiting for it
      this.asked.set(each, one);
    }
    return this.asked.get(key)!;
  }

  /** What was used and has less than a quarter of its time left; what is over and was not used is let go of. */
  private dueWith(key: string): string[] {
    const due: string[] = [];
    for (const [other, { until, isUsed }] of this.known) {
      const left = until - Date.now();
      if (left > this.ms / 4 || due.length === MOST_ALONG) break;
      if (left <= 0 && !isUsed) this.known.delete(other);
      else if (isUsed && other !== key && !this.asked.has(other)) due.push(other);
    }
    return due;
  }

  private keep(key: string, value: T | Error): T {
    this.known.delete(key); // to come last in the order
    if (value instanceof Error) throw value;
    this.known.set(key, { value, until: Math.min(Date.now() + this.ms, this.endOf(value)), isUsed: false });
    if (this.known.size > this.most) this.known.delete(this.known.keys().next().value!);
    return value;
  }
}
