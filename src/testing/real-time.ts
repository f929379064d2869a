/* eslint-disable no-restricted-imports -- The one place where the kit looks at real time: whether anything is still at work. */
import timers from 'node:timers';

/** Taken when this module is loaded: test runners that fake timers put theirs in its place later. */
const { setImmediate, setTimeout, clearTimeout } = timers;

/** Lets every promise that can go on without time or I/O do so. */
export const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Calls `late` after so much real time. @returns a function that cancels the call */
export const afterRealMs = (ms: number, late: () => void): (() => void) => {
  const timer = setTimeout(late, ms);
  return () => clearTimeout(timer);
};
