/**
 * The password that a netrc file holds for a host, as `wandb login` writes it:
 * `machine api.wandb.ai login user password KEY`, on one line or on several. `default` entries are not used.
 */
export function passwordOf(netrc: string, host: string): string | null {
  const words = netrc
    .split('\n')
    .filter(line => !line.trimStart().startsWith('#'))
    .join('\n')
    .split(/\s+/);
  let machine: string | null = null;
  for (let i = 0; i < words.length; i++) {
    if (words[i] === 'machine') machine = words[++i] ?? null;
    else if (words[i] === 'default') machine = null;
    else if (words[i] === 'login' || words[i] === 'account') i++;
    else if (words[i] === 'password' && machine === host) return words[i + 1] ?? null;
    else if (words[i] === 'password') i++;
  }
  return null;
}
