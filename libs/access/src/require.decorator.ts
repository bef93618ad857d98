import { SetMetadata } from '@nestjs/common';

export const REQUIRED_PERMISSION = 'access:require';

/** Says which permission a route asks for, such as `books:write`. */
export const Require = (permission: string): MethodDecorator & ClassDecorator =>
  SetMetadata(REQUIRED_PERMISSION, permission);
