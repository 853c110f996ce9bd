// The network of tests/lan, cut between the browsers and the server: whatever goes to the LAN address is dropped, in both
// directions, since both live there. What puppeteer says to its browser goes by loopback.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lanAddress } from './server.js';

const NFT = ['/usr/sbin/nft', '/sbin/nft'].find(existsSync);

/** Why it cannot be cut; false if it can. */
export const cannotCut = !NFT && 'nft is not installed (nftables on Debian)';

/** @param {string[]} command */
const nft = (...command) => execFileSync(String(NFT), command);

export function cut() {
  nft('add', 'table', 'ip', 'cut');
  nft('add', 'chain', 'ip', 'cut', 'input', '{ type filter hook input priority 0 ; }');
  nft('add', 'rule', 'ip', 'cut', 'input', 'ip', 'daddr', lanAddress(), 'drop');
}

export function mend() {
  nft('add', 'table', 'ip', 'cut');
  nft('delete', 'table', 'ip', 'cut');
}
