import { HttpStatus, Injectable } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import type { FastifyReply } from 'fastify';
import { JobDto, Jobs } from '@app/jobs';
import { ImportQuery } from '../../reading/list-query';
import { Upload } from '../upload';
import { ImportFile } from './import-file.job';
import { keepFile } from './kept-files';

/** Keeps files that are sent for a worker to import. */
@Injectable()
export class ImportLater {
  constructor(
    private readonly jobs: Jobs,
    private readonly application: ApplicationConfig,
  ) {}

  /** Leaves the job that imports a file by `controller`, and answers where it can be watched. */
  async leave(controller: string, { body, ...upload }: Upload, how: ImportQuery, reply: FastifyReply): Promise<JobDto> {
    const file = await keepFile(body);
    const id = await this.jobs.enqueue(ImportFile, { controller, file, upload, how });
    reply.status(HttpStatus.ACCEPTED).header('Location', `/${this.application.getGlobalPrefix()}/jobs/${id}`);
    return (await this.jobs.find(id))!;
  }
}
