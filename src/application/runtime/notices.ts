/** What an operator has to hear of, as one line of the application's log. */
export type Level = 'log' | 'warn' | 'error';
export type Notify = (level: Level, line: string) => void;

/** Of what one instance does for all. */
export const leadNotices = (what: string, tell: Notify) => ({
  begun: () => tell('log', `This instance ${what} from now on`),
  ended: () => tell('log', `This instance no longer ${what}`),
});

export type LeadNotices = ReturnType<typeof leadNotices>;
export const NO_LEAD_NOTICES: LeadNotices = { begun: () => undefined, ended: () => undefined };
