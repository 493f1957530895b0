/** `relay backup`, `relay restore`, `relay admin`: what is done beside the relay, or without it. */
import { ConfigError } from '../http/settings.ts'
import { admin } from './admin.ts'
import { backup, restore } from './backup.ts'
import type { Config } from './config.ts'

export async function runCommand([command, ...args]: readonly string[], config: Config): Promise<void> {
  switch (command) {
    case 'backup':
      return console.log(backup(config, args[0]))
    case 'restore':
      return console.log(await restore(config, args[0]))
    case 'admin':
      return admin(args, config)
    default:
      throw new ConfigError(`There is no command ${command}: see --help.`)
  }
}
