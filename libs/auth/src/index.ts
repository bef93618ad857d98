export * from './auth.module';
export * from './administrators';
export { DEMO_LOGIN } from './demo';
export { Login } from './logins/login.entity';
export { Membership } from './logins/membership.entity';
export { Mailer, type Mail } from './mail/mailer';
export { Passwords } from './passwords/passwords';
export { TooManyTries } from './rate-limits/limit';
export { ADMINISTER, type Role, ROLES } from './roles';
