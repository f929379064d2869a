import {
  AppendRefused,
  HistoryDamaged,
  LogUnavailable,
  StreamTombstoned,
} from '../../src/application/log/event-log.js';
import { HeldBackExecutions } from '../../src/application/workflow/held-back.js';
import { observeHeldBack, PrometheusMetrics } from '../../src/infrastructure/metrics/prometheus-metrics.js';

test('executions that the log refuses for good are held back once, and counted as long as they are', async () => {
  const [metrics, held, at] = [new PrometheusMetrics(), new HeldBackExecutions(), new Date(0)];
  observeHeldBack(metrics, () => held.size);
  const count = async () => /^workflow_executor_held_back_executions (\d+)$/m.exec(await metrics.expose())?.[1];
  expect(await count()).toBe('0');
  const denied = new AppendRefused('denied', 'no right');
  expect(held.refused('a', denied, at)).toEqual({ isNews: true });
  expect(held.refused('a', denied, at)).toEqual({ isNews: false });
  expect(held.refused('b', new StreamTombstoned('workflow-b'), at)).toEqual({ isNews: false });
  expect(held.refused('c', new HistoryDamaged('workflow-c', 'gap', 'a gap'), at)).toEqual({ isNews: false });
  expect(held.refused('d', new LogUnavailable('away'), at)).toBeNull();
  expect(await count()).toBe('2');
  held.release('a');
  expect(await count()).toBe('1');
});
