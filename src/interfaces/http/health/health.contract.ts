import type { Contract } from '../contract/operation.js';
import * as is from '../contract/schema.js';

const TAG = 'Operation';

export const HEALTH: Contract = {
  'GET /health/live': {
    id: 'getLiveness',
    tag: TAG,
    summary: 'Whether the process answers',
    answers: {
      200: {
        description: 'It does.',
        content: {
          'application/json': is.envelope(is.object('It does.', { live: is.constant('The process answers.', true) })),
        },
      },
    },
    errors: [],
  },
  'GET /health/ready': {
    id: 'getReadiness',
    tag: TAG,
    summary: 'Whether this instance can do its work now',
    description: 'What is checked is shown to callers that hold `health.read`.',
    answers: {
      200: {
        description: 'It can.',
        content: {
          'application/json': is.envelope(
            is.object(
              'It can.',
              { ready: is.constant('It is ready.', true) },
              {
                checks: is.dictionary(
                  'What is checked, by name.',
                  is.object(
                    'A check.',
                    { ok: is.flag('How it stands.') },
                    {
                      code: is.text('What is wrong, in a word.', 'LOG_MISMATCH'),
                      detail: is.text('What is wrong.', 'The event log does not answer'),
                    },
                  ),
                  { database: { ok: true } },
                ),
              },
            ),
          ),
        },
      },
    },
    errors: ['notReady'],
  },
  'GET /metrics': {
    id: 'getMetrics',
    tag: TAG,
    summary: 'Numbers for Prometheus',
    answers: {
      200: {
        description: "In the collector's own format.",
        content: {
          'text/plain': { type: 'string', description: 'The numbers.', examples: ['# HELP process_cpu_seconds_total'] },
        },
      },
    },
    errors: [],
  },
};
