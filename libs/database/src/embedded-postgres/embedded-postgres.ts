import { serverAccount } from './account';
import { hasCluster, initialise } from './cluster';
import { Lease } from './lease';
import { withLock } from './lock';
import { makeDirectory, settle } from './place';
import { platformPackage } from './platform-package';
import { preparePrograms } from './programs';
import { Server } from './server';

/** What a process says about the embedded Postgres it wants. */
export interface EmbeddedPostgresOptions {
  /** Where the data lie; absolute, or relative to the working directory. What belongs to them lies in `<dataDir>.embedded`. */
  dataDir: string;
  /** False when nobody chose the directory; then root may move it to where Postgres can reach it. */
  dataDirIsExplicit: boolean;
  /** True for data that nobody misses should the machine fail, such as those of tests: nothing waits for the disk. */
  isDisposable?: boolean;
  /** Told in a sentence what happens, for a human. */
  announce: (sentence: string) => void;
  /** The package with the Postgres programs, when not the installed one. */
  packageDir?: string;
}

/** A real Postgres that needs no installation: the first process starts it, others share it, the last one stops it. */
export class EmbeddedPostgres {
  private released?: Promise<void>;

  private constructor(
    /** The superuser's URL. */
    readonly adminUrl: string,
    /** Whether this process started the server; otherwise it was running already. */
    readonly started: boolean,
    private readonly giveUp: () => Promise<void>,
  ) {}

  /** Makes the cluster if there is none, starts its server if none runs, and takes a lease on it. */
  static async start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    const { announce, packageDir, isDisposable = false } = options;
    const account = await serverAccount();
    const place = await settle(options, account);
    const from = platformPackage(packageDir);
    // Asked before anything is written, so that a refused directory gets no company, and again under the lock.
    hasCluster(place, from.major, account);
    makeDirectory(place.beside, account);
    return withLock(place.lock, announce, async () => {
      const programs = await preparePrograms(from, place, account);
      const server = new Server(place, programs, account, announce, isDisposable);
      if (!hasCluster(place, from.major, account)) {
        announce(`Making a Postgres ${from.major} cluster in ${place.dataDir}.`);
        await initialise(place, programs, account);
      }
      const adopted = await server.adopt();
      const url = adopted ?? (await server.start());
      const lease = Lease.take(place.leases);
      announce(
        `Postgres ${from.major} ${adopted ? 'is already running' : 'started'} on 127.0.0.1:${new URL(url).port}.`,
      );
      return new EmbeddedPostgres(url, !adopted, () =>
        withLock(place.lock, announce, async () => {
          if (lease.giveUp()) await server.stop();
        }),
      );
    });
  }

  /** Gives up this process's lease; the last live holder stops the server. */
  release(): Promise<void> {
    return (this.released ??= this.giveUp());
  }
}
