import { noticeFor, type LiveEvent } from '../../../src/application/live/live-source.js';
import { eventRow } from './live-world.js';

const of = (projectId: string | null): LiveEvent => ({
  ...{ event: eventRow('a', 0, 1), position: 1n, projectId, previousState: null, late: false },
});

test('a stream sends events of the projects in its scope, and none whose project is not known', () => {
  const scope = ['alpha-*', 'solo'];
  const sent = (projectId: string | null, filter = {}) => noticeFor({ scope, ...filter }, of(projectId)) !== null;
  expect(['alpha-1', 'solo', 'solo-2', 'beta', null].map((project) => sent(project))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
  expect(sent('beta', { projectId: 'beta' })).toBe(false);
  expect(noticeFor({ scope: 'all' }, of(null))).toBe('event');
  expect(noticeFor({ scope: [] }, of('alpha-1'))).toBeNull();
});
