import { spawnRelay } from '../support/processes.ts'
import { fuzzContract } from './fuzz.contract.ts'
import { testSettings } from './host.contract.ts'

const env = { ...testSettings, PARLEY_WAITING_SOCKETS: '1000', PARLEY_DRAIN_MS: '100', PARLEY_LOG: 'error' }

fuzzContract('Node', () => spawnRelay({ env }))
