import type { Message, Picture } from '../../../../src/interfaces/cli/watch/picture.js';
import { Screen } from '../../../../src/interfaces/cli/watch/lines.js';

const execution = { id: 'e-1', workflow_name: 'ib', project_id: 'p-1', current_state: 'writing', percent_complete: 40 };
const picture: Picture = { execution, steps: [], events: [], ended: null };
const snapshot: Message = { event: 'snapshot', data: { execution, steps: [] } };
const event = {
  event: 'event',
  data: { event: { event_type: 'StepStarted', recorded_at: '2026-01-01T12:00:00.000Z', data: { step: 'write' } } },
} as unknown as Message;

const screenOn = (terminal: Readonly<{ isTTY?: boolean; columns?: number; rows?: number }>) => {
  const written: string[] = [];
  const screen = new Screen({ ...terminal, write: (text) => written.push(text) }, () => new Date(0));
  return { screen, written };
};

test('on a terminal each picture is drawn over the one before, and the cursor comes back', () => {
  const { screen, written } = screenOn({ isTTY: true, columns: 80, rows: 24 });
  screen.show(picture, snapshot);
  screen.connection('The connection was closed', picture);
  screen.connection(null, picture);
  screen.end();
  expect(written).toHaveLength(4);
  const drawnAgain = (up: string) => `\x1b[${up}A\r\x1b[J`;
  expect(written[0]!.startsWith('\x1b[?25l\r\x1b[J\x1b[?7lib  e-1  project p-1\n')).toBe(true);
  expect(written[1]!.startsWith(drawnAgain('4'))).toBe(true);
  expect(written[1]).toContain('The connection was closed\n');
  expect(written[2]!.startsWith(drawnAgain('5'))).toBe(true);
  expect(written[2]).not.toContain('closed');
  expect(written[3]).toBe('\x1b[?25h');
});

test('what does not fit on a terminal is left out, so that nothing is drawn twice', () => {
  const { screen, written } = screenOn({ isTTY: true, columns: 10, rows: 3 });
  screen.draw(picture);
  expect(written[0]!.split('\n')).toHaveLength(3);
});

test('a line of characters that are two columns wide stays one line, so that the next picture covers it', () => {
  const { screen, written } = screenOn({ isTTY: true, columns: 20, rows: 24 });
  screen.draw({ ...picture, execution: { ...execution, workflow_name: '漢'.repeat(19) } });
  const [before, drawn] = written[0]!.split('\x1b[?7l');
  expect(before).toBe('\x1b[?25l\r\x1b[J');
  expect(drawn).toContain('漢');
  expect(drawn!.endsWith('\n\x1b[?7h')).toBe(true);
});

test('elsewhere there are plain lines: the beginning, each event, and what happens to the connection', () => {
  const { screen, written } = screenOn({});
  screen.show(picture, snapshot);
  screen.draw(picture);
  screen.show(picture, event);
  screen.connection(null, picture);
  screen.connection('The connection was closed', picture);
  screen.connection(null, picture);
  screen.show(picture, snapshot);
  screen.end();
  expect(written).toEqual([
    'ib  e-1  project p-1\n',
    '[############..................]  40 %  writing\n',
    ' 40 %  writing       12:00:00  StepStarted        write\n',
    'The connection was closed\n',
    'Connected again\n',
    'writing, 40 %\n',
  ]);
});
