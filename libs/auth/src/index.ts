export * from './auth.module';
export * from './administrators';
export { newApiKey } from './api-keys/new-api-key';
export { DEMO_LOGIN } from './demo';
export { MembersService } from './members/members.service';
export { Mailer, type Mail } from './mail/mailer';
export { Passwords } from './passwords/passwords';
export { TooManyTries } from './rate-limits/limit';
export { ADMINISTER, type Role } from './roles';
