/** What readiness is decided by, and the same as metrics. */
import { AUDITED_PREFIXES } from '../application/audit/audited-log.js';
import { SagaScheduler } from '../application/saga/saga-scheduler.js';
import { NextEvent, VitalSigns, type VitalLimits, type VitalPorts } from '../application/log/vital-signs.js';
import { WriteProbe } from '../application/log/write-probe.js';
import { STREAM_PREFIX } from '../domain/workflow/index.js';
import { ProjectionRunner } from '../application/projections/runner.js';
import { every } from '../application/runtime/clock.js';
import { Health, Metrics } from '../application/runtime/metrics.js';
import type { Config } from '../infrastructure/config/config.js';
import { CheckedHealth } from '../infrastructure/metrics/checked-health.js';
import { observeVitalSigns } from '../infrastructure/metrics/prometheus-metrics.js';
import { probeDatabase } from '../infrastructure/postgres/check-database.js';
import { type Dependencies, type Feature, logErrors } from './feature.js';

export const health = (dependencies: Dependencies): Feature => {
  const { config, dataSource, unguardedLog: log, logIdentity, diagnosis, clock, metrics, stopping } = dependencies;
  const { faultOf } = diagnosis;
  const ending = new AbortController();
  let comparing: Promise<void> = Promise.resolve();
  return {
    providers: [
      { provide: Metrics, useValue: metrics },
      {
        provide: VitalSigns,
        inject: [SagaScheduler],
        useFactory: (scheduler: SagaScheduler) => vitalSigns(dependencies, scheduler),
      },
      {
        provide: Health,
        inject: [VitalSigns, ProjectionRunner],
        useFactory: (vitals: VitalSigns, runner: ProjectionRunner) =>
          new CheckedHealth({ dataSource, log, faultOf, clock, vitals, logIdentity }, () => runner.status(), stopping),
      },
    ],
    start: (app) => {
      app.get(VitalSigns).start();
      // What is wrong is found without anybody asking; the identity says so itself.
      const compare = () => logIdentity.check();
      comparing = every(clock, config.healthProbeMs, ending.signal, compare, () => undefined);
    },
    stop: async (app) => {
      ending.abort();
      await Promise.all([app.get(VitalSigns).stop(), comparing]);
    },
  };
};

const vitalSigns = (
  { config, dataSource, log, unguardedLog, logWatch, diagnosis, clock, ids, audit, metrics, outages }: Dependencies,
  scheduler: SagaScheduler,
): VitalSigns => {
  const probe = new WriteProbe(unguardedLog, ids);
  const [unsigned, unseen] = [new NextEvent(log, AUDITED_PREFIXES), new NextEvent(log, [STREAM_PREFIX])];
  const ports: VitalPorts = {
    clock,
    writeLog: async () => {
      try {
        await probe.write();
        outages.logWorks();
      } catch (error) {
        await diagnosis.ask(error);
        throw error;
      }
    },
    watched: logWatch,
    faultOf: diagnosis.faultOf,
    writeDatabase: () => probeDatabase(dataSource).then(outages.databaseWorks),
    signed: async () => {
      const checkpoint = await audit.tree.latestTreeHead();
      const position = checkpoint ? BigInt(checkpoint.position) : 'start';
      const movedAt = checkpoint && new Date(checkpoint.at);
      return { position, movedAt, next: await unsigned.after(position) };
    },
    saga: async () => {
      const { position, movedAt } = scheduler.progress();
      return { position, movedAt, next: await unseen.after(position) };
    },
  };
  const signs = new VitalSigns(ports, vitalLimits(config), logErrors('Health', outages));
  observeVitalSigns(metrics, () => signs.signs());
  return signs;
};

/** A little more than a take-over of the tree takes, and time to sign in. */
const SIGNING_ROUNDS = 3;

const vitalLimits = (config: Config): VitalLimits => ({
  everyMs: config.healthProbeMs,
  retryMs: Math.min(1_000, config.healthProbeMs),
  timeoutMs: Math.max(config.appendTimeoutMs, 5_000),
  stalledMs: config.healthStalledMs,
  unsignedMs: Math.max(config.healthStalledMs, SIGNING_ROUNDS * config.auditCheckpointMs),
});
