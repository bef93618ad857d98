import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditEntry } from './audit-entry.entity';
import { AuditController } from './audit.controller';
import { Proof } from './proof';
import { SweepAudit } from './sweep-audit.job';

/** Who changed what, when. */
@Module({
  imports: [TypeOrmModule.forFeature([AuditEntry])],
  controllers: [AuditController],
  providers: [Proof, SweepAudit],
})
export class AuditModule {}
