interface Known<T> {
  value: T;
  until: number;
}

/**
 * What was found out lately about each of many keys. What is asked for often costs nothing, and however many ask for the
 * same at once, it is looked up once. A failure is not remembered.
 */
export class Remembered<T> {
  private readonly known = new Map<string, Known<T>>();
  private readonly asked = new Map<string, Promise<T>>();

  /** Keeps each value for `ms` milliseconds, or until `endOf` it, and at most so many: those that were looked up last. */
  constructor(
    private readonly ms: number,
    private readonly most: number,
    private readonly endOf: (value: T) => number = () => Infinity,
  ) {}

  /** What is known about `key`, or else what `ask` finds out. */
  get(key: string, ask: (key: string) => Promise<T>): T | Promise<T> {
    const known = this.known.get(key);
    if (known && known.until > Date.now()) return known.value;
    let asked = this.asked.get(key);
    if (!asked) this.asked.set(key, (asked = this.lookUp(key, ask)));
    return asked;
  }

  forget(key: string): void {
    this.known.delete(key);
  }

  private async lookUp(key: string, ask: (key: string) => Promise<T>): Promise<T> {
    try {
      this.known.delete(key); // to come last in the order of going
      const value = await ask(key);
      this.known.set(key, { value, until: Math.min(Date.now() + this.ms, this.endOf(value)) });
      if (this.known.size > this.most) this.known.delete(this.known.keys().next().value!);
      return value;
    } finally {
      this.asked.delete(key);
    }
  }
}
