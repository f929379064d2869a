/** What readiness is decided by, and the same as metrics. */
import type { Provider } from '@nestjs/common';
import { AUDITED_PREFIXES } from '../application/audit/audited-log.js';
import { SagaScheduler } from '../application/saga/saga-scheduler.js';
import { NextEvent, VitalSigns, type VitalPorts } from '../application/log/vital-signs.js';
import { WriteProbe } from '../application/log/write-probe.js';
import { STREAM_PREFIX } from '../domain/workflow/index.js';
import { observeVitalSigns } from '../infrastructure/metrics/prometheus-metrics.js';
import { probeDatabase } from '../infrastructure/postgres/check-database.js';
import { vitalLimits } from './limits.js';
import type { Parts } from './parts.js';
import { logErrors } from './log-errors.js';

export const vitalProviders = ({ config, dataSource, log, clock, ids, audit, metrics }: Parts): Provider[] => [
  {
    provide: VitalSigns,
    inject: [SagaScheduler],
    useFactory: (watch: SagaScheduler) => {
      const probe = new WriteProbe(log, ids);
      const [unsigned, unseen] = [new NextEvent(log, AUDITED_PREFIXES), new NextEvent(log, [STREAM_PREFIX])];
      const ports: VitalPorts = {
        clock,
        writeLog: () => probe.write(),
        writeDatabase: () => probeDatabase(dataSource),
        signed: async () => {
          const checkpoint = await audit.tree.latestCheckpoint();
          const position = checkpoint ? BigInt(checkpoint.position) : 'start';
          const movedAt = checkpoint && new Date(checkpoint.at);
          return { position, movedAt, next: await unsigned.after(position) };
        },
        saga: async () => {
          const { position, movedAt } = watch.progress();
          return { position, movedAt, next: await unseen.after(position) };
        },
      };
      const signs = new VitalSigns(ports, vitalLimits(config), logErrors('Health'));
      observeVitalSigns(metrics, () => signs.signs());
      return signs;
    },
  },
];
