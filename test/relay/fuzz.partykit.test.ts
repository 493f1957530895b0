import { spawnPartyKit } from '../support/processes.ts'
import { fuzzContract } from './fuzz.contract.ts'
import { testSettings } from './host.contract.ts'

fuzzContract('PartyKit', () => spawnPartyKit({ env: testSettings }))
