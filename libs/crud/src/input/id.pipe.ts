import { Injectable, PipeTransform } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { Problem } from '../problem/problem';

/** An id in a path; anything but a UUID never reaches the database. */
@Injectable()
export class IdPipe implements PipeTransform<string, string> {
  transform(id: string): string {
    if (!isUUID(id, 'loose')) throw new Problem(400, 'malformed_id', 'The id in the path is not a UUID.');
    return id.toLowerCase();
  }
}
