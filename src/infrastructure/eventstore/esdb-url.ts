/** KurrentDB is EventStoreDB under its new name, and so are its connection strings. */
const KURRENT = /^(kurrentdb|kdb)(?=(\+discover)?:\/\/)/;

export const EVENT_STORE_SCHEMES = ['esdb', 'kurrentdb', 'kdb'].flatMap((scheme) => [scheme, `${scheme}+discover`]);

/** The same connection string in the words that the client understands. */
export const esdbUrl = (url: string): string => url.replace(KURRENT, 'esdb');
