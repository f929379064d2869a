/** What an operator has to hear of is one line of the application's log. */
export type Level = 'log' | 'warn' | 'error';
export type Notify = (level: Level, line: string) => void;

/** Notices of work that one instance leads for all. */
export const leadNotices = (what: string, notify: Notify) => ({
  begun: () => notify('log', `This instance ${what} from now on`),
  ended: () => notify('log', `This instance no longer ${what}`),
});

export type LeadNotices = ReturnType<typeof leadNotices>;
export const NO_LEAD_NOTICES: LeadNotices = { begun: () => undefined, ended: () => undefined };
