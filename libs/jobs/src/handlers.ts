import { Injectable, OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { JobHandler, jobOf, NamedJob } from './job.decorator';

/** A kind of job, and who does it. */
export interface Handled {
  job: NamedJob;
  handler: JobHandler;
}

/** Every kind of job that this process knows. */
@Injectable()
export class Handlers implements OnModuleInit {
  private readonly found = new Map<string, Handled>();

  constructor(private readonly discovery: DiscoveryService) {}

  /** Throws when two classes have jobs of one name. */
  onModuleInit(): void {
    for (const { metatype, instance } of this.discovery.getProviders()) {
      const job = metatype && jobOf(metatype);
      if (!job) continue;
      if (this.found.has(job.name)) {
        throw new Error(`Two classes handle the job ${job.name}: give one of them another name in @Job().`);
      }
      this.found.set(job.name, { job, handler: instance as JobHandler });
    }
  }

  all(): Handled[] {
    return [...this.found.values()];
  }
}
