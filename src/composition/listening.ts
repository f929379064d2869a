/** Where an instance listens: what the log says of it, and where its own agents reach it. */
import type { AddressInfo } from 'node:net';

const EVERY_ADDRESS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };

const urlOf = (host: string, port: number): string => `http://${host}:${port}`;
const inUrl = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** As it is bound. */
export const boundUrl = ({ address, port }: AddressInfo): string => urlOf(inUrl(address), port);

/** As it is reached from this machine: nobody can connect to "every address". */
export const ownUrl = ({ address, port }: Pick<AddressInfo, 'address' | 'port'>): string =>
  urlOf(EVERY_ADDRESS[address] ?? inUrl(address), port);

export const isEveryAddress = (address: string): boolean => address in EVERY_ADDRESS;
