import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(__dirname, '../../../..');

/** docker-compose.yml as a project of its own: on free ports, with volumes and images that are its alone and go with it. */
export class Stack {
  readonly project = `starter-test-${process.pid}`;

  /** What `docker compose …` prints; throws with what it complains of. */
  compose(...args: string[]): string {
    return this.docker('compose', '--ansi', 'never', '--progress', 'quiet', '--project-name', this.project, ...args);
  }

  docker(...args: string[]): string {
    return this.run(args).stdout;
  }

  /** All that a service has printed, line by line. */
  logs(service: string): string[] {
    // Not `docker compose logs`, which can put its own terminal codes between the lines.
    const containers = this.compose('ps', '--all', '--quiet', service).trim().split('\n');
    return containers.flatMap((container) => {
      const { stdout, stderr } = this.run(['logs', container]);
      return `${stdout}${stderr}`.trim().split('\n');
    });
  }

  /** What a program prints that Node runs inside the API's container. */
  inApi(program: string): string {
    return this.compose('exec', '-T', 'api', 'node', '--print', program).trim();
  }

  /** Where a service answers; another port after each start. */
  url(service: string, port: number): string {
    return `http://${this.compose('port', service, `${port}`).trim()}`;
  }

  /** Starts services that are built, and waits until they say they are healthy. */
  up(...services: string[]): void {
    try {
      this.compose('up', '--detach', '--wait', '--wait-timeout', '120', ...services);
    } catch (error) {
      throw new Error(this.compose('logs', '--tail', '50'), { cause: error });
    }
  }

  /** Why the image of a service cannot be had; undefined when it is here. */
  whyMissing(service: string): string | undefined {
    try {
      this.compose('pull', '--policy', 'missing', service);
      return undefined;
    } catch (error) {
      return (error as Error).message.trim().split('\n').at(-1);
    }
  }

  down(): void {
    this.compose('down', '--volumes', '--rmi', 'local', '--remove-orphans', '--timeout', '5');
  }

  private run(args: string[]): { stdout: string; stderr: string } {
    const { status, stdout, stderr, error } = spawnSync('docker', args, {
      cwd: ROOT,
      env: {
        ...process.env,
        API_HOST_PORT: '0',
        DASHBOARD_HOST_PORT: String(20_000 + (process.pid % 10_000)),
        MAIL_HOST_PORT: '0',
        POSTGRES_HOST_PORT: '0',
        PGADMIN_HOST_PORT: '0',
      },
      encoding: 'utf8',
      maxBuffer: 100_000_000,
    });
    if (error) throw new Error(`A container engine is needed: ${error.message}.`, { cause: error });
    if (status !== 0) throw new Error(`docker ${args.join(' ')} exited ${status}:\n${stdout}${stderr}`);
    return { stdout, stderr };
  }
}
