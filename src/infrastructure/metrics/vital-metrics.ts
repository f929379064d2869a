import { Gauge } from 'prom-client';
import type { VitalName, VitalSign } from '../../application/log/vital-signs.js';
import { PREFIX, type PrometheusMetrics } from './prometheus-metrics.js';

const AGES: Readonly<Record<VitalName, readonly [name: string, help: string]>> = {
  log_write: ['log_last_append_age_seconds', 'Age of the last append to the log that was tried and succeeded'],
  database_write: [
    'database_last_write_age_seconds',
    'Age of the last write to the database that was tried and succeeded',
  ],
  signing: ['audit_last_signature_age_seconds', 'Age of the last signed checkpoint; none where nothing was signed yet'],
  saga: ['saga_position_age_seconds', 'Age of the position in the log up to which the saga has taken events'],
};

/** What readiness is decided by, as numbers. */
export const observeVitalSigns = (
  metrics: PrometheusMetrics,
  signs: () => Readonly<Record<VitalName, VitalSign>>,
): void => {
  const registers = [metrics.registry];
  const name = `${PREFIX}vital_sign_ok`;
  const ok = new Gauge({
    name,
    help: '1 where this instance is ready as far as that goes',
    labelNames: ['sign'],
    registers,
  });
  const ages = Object.entries(AGES).map(([sign, [suffix, help]]) => {
    return { sign: sign as VitalName, gauge: new Gauge({ name: PREFIX + suffix, help, registers }) };
  });
  metrics.beforeExposing(async () => {
    const now = signs();
    for (const { sign, gauge } of ages) {
      const { ok: isOk, ageSeconds } = now[sign];
      ok.set({ sign }, isOk ? 1 : 0);
      if (ageSeconds === null) gauge.remove();
      else gauge.set(ageSeconds);
    }
  });
};
