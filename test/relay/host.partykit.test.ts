import { spawnPartyKit } from '../support/processes.ts'
import { hostContract, testSettings } from './host.contract.ts'

hostContract('PartyKit', () => spawnPartyKit({ env: testSettings }))
