"""Words for make_corpus.py: fields of work whose lists agree in any combination.

Inside one field every agent can do every verb to every object, every adjective suits every object,
and every place can stand after "near the". `[open]` in an event is put into the tense of the
sentence. Objects are plural and countable, so that "123" may stand before them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    agents: tuple[str, ...]
    verbs: tuple[str, ...]
    adjectives: tuple[str, ...]
    objects: tuple[str, ...]
    places: tuple[str, ...]
    events: tuple[str, ...]
    purposes: tuple[str, ...]
    whence: str = "from"  # comets are "over" a city


def words(text: str) -> tuple[str, ...]:
    return tuple(" ".join(item.split()) for item in text.split(","))


def _field(text: str) -> Field:
    rows = [words(line) for line in text.strip().splitlines()]
    return Field(*rows[:7], *(row[0] for row in rows[7:]))  # type: ignore[arg-type]  # by position


# One line each: agents, verbs, adjectives, objects, places, events, purposes, and whence if not from.
FIELDS = tuple(
    _field(text)
    for text in (
        # ruff: noqa: E501
        """bakers, cooks, chefs, caterers, waiters, butchers, grocers, innkeepers, dishwashers, hosts, brewers, confectioners
        prepare, taste, weigh, wrap, store, serve, arrange, cover, display, deliver
        fresh, spicy, golden, sweet, homemade, frozen, delicate, seasonal, crispy, traditional, organic, fragrant, delicious
        pancakes, dumplings, loaves, pastries, sausages, biscuits, omelettes, sandwiches, pickles, muffins, pretzels, casseroles, tarts, meatballs
        oven, counter, pantry, kitchen window, dining hall, cellar door, bread rack, copper stove, banquet table, refrigerator
        the market [open], the dinner bell [ring], the first customer [arrive], the kettle [boil], the wedding party [gather], the tavern [close], the food festival [begin], the head chef [return]
        feed the wedding guests, impress a food critic, celebrate the harvest, supply the village school, test a family recipe, welcome the visiting delegation, replace the usual breakfast, satisfy an impatient crowd""",
        """gardeners, farmers, florists, botanists, growers, landscapers, beekeepers, foresters, villagers, homeowners, winemakers, horticulturists
        plant, water, trim, examine, protect, tend, label, transplant, photograph, nurture
        wild, thirsty, fragile, tropical, healthy, wilted, leafy, exotic, flowering, miniature, hardy, ornamental
        tulips, orchids, seedlings, cabbages, vines, hedges, sunflowers, ferns, pumpkins, saplings, shrubs, lilies, tomatoes, roses
        greenhouse, stone wall, orchard gate, compost heap, wooden fence, fountain, tool shed, duck pond, irrigation canal, gravel path
        the frost [arrive], the rain [stop], the warm season [return], the soil [dry], the morning fog [lift], the garden club [meet], the heat wave [end], the flower show [start]
        attract more butterflies, decorate the courtyard, prevent serious erosion, improve the summer harvest, shade the vegetable patch, win the regional competition, restore the neglected park, teach curious children""",
        """conductors, dispatchers, porters, mechanics, welders, drivers, stationmasters, railroaders, fitters, technicians, supervisors, electricians
        repair, inspect, clean, paint, replace, test, upgrade, measure, restore, examine
        rusty, electric, antique, noisy, vintage, modern, defective, damaged, obsolete, dusty, reliable, industrial
        carriages, locomotives, signals, switches, engines, couplings, brakes, wagons, turnstiles, axles, trams, generators
        ticket office, signal box, freight depot, level crossing, tunnel entrance, waiting room, iron bridge, repair yard, platform clock, loading ramp
        the night train [leave], the tunnel [flood], the timetable [change], the holiday traffic [begin], the station [reopen], the last express [depart], the strike [end], the snow [melt]
        reduce the morning delays, satisfy the safety commission, extend the coastal line, reassure nervous passengers, prepare for heavier traffic, modernize the entire network, avoid another breakdown, save precious electricity""",
        """sailors, fishermen, divers, navigators, captains, dockworkers, shipbuilders, ferrymen, lifeguards, boatmen, oarsmen, coastguards
        launch, anchor, inspect, repair, paint, tow, load, unload, rescue, rename
        wooden, leaky, narrow, battered, sturdy, foreign, graceful, abandoned, seaworthy, crowded, elegant, familiar
        ferries, canoes, trawlers, yachts, rowboats, tugboats, schooners, barges, kayaks, lifeboats, submarines, sailboats
        lighthouse, harbor wall, fish market, shallow reef, pier, coral lagoon, customs house, dry dock, sandy inlet, breakwater
        the tide [turn], the storm [pass], the wind [shift], the fog horn [sound], the regatta [begin], the moon [rise], the fishing season [close], the current [weaken]
        explore the outer islands, beat the evening tide, avoid the hidden rocks, transport emergency supplies, train the junior crew, escape the approaching hurricane, carry tourists across the bay, survey the muddy estuary""",
        """musicians, violinists, composers, drummers, organists, pianists, singers, sopranos, cellists, trumpeters, guitarists, harpists
        rehearse, record, perform, compose, memorize, transcribe, revise, practice, publish, admire
        gentle, lively, melancholy, rhythmic, solemn, joyful, familiar, difficult, romantic, hypnotic, classical, haunting
        melodies, sonatas, ballads, anthems, waltzes, lullabies, symphonies, marches, overtures, harmonies, serenades, concertos
        concert hall, grand piano, chapel organ, recording studio, bandstand, velvet curtain, rehearsal room, opera house, jazz club, music academy
        the audience [applaud], the curtain [rise], the soloist [recover], the radio broadcast [begin], the choir [assemble], the festival [end], the microphone [fail], the maestro [bow]
        entertain the royal visitors, soothe restless infants, honor a retired teacher, fill the empty cathedral, raise money for charity, accompany the silent film, open the annual concert, celebrate the anniversary""",
        """teachers, students, tutors, professors, lecturers, principals, scholars, instructors, counselors, graduates, pupils, linguists
        discuss, explain, correct, review, summarize, study, memorize, present, simplify, compare
        tricky, abstract, historical, scientific, ambiguous, elementary, advanced, popular, obscure, controversial, ingenious, philosophical
        essays, theorems, chapters, equations, arguments, lessons, diagrams, paragraphs, puzzles, poems, exercises, hypotheses
        blackboard, school library, lecture hall, gymnasium, cafeteria, science wing, principal's office, seminar room, playground, dormitory
        the semester [end], the fire alarm [ring], the examination [begin], the debate [conclude], the summer vacation [start], the school bus [arrive], the substitute [leave], the lecture [finish]
        pass the final examination, encourage shy beginners, prepare for university, clarify a common misunderstanding, spark a lively conversation, earn a generous scholarship, satisfy the examiners, challenge the brightest class""",
        """meteorologists, astronomers, stargazers, physicists, researchers, observers, forecasters, geologists, scientists, academics, analysts, mathematicians
        observe, photograph, study, describe, examine, record, discuss, track, document, explain
        distant, violent, mysterious, brilliant, unusual, invisible, spectacular, seasonal, dangerous, frequent, magnetic, colossal
        comets, eclipses, thunderstorms, meteors, tornadoes, auroras, rainbows, blizzards, hurricanes, hailstorms, snowstorms, cyclones
        observatory, weather station, radar tower, telescope, mountain ridge, research center, planetarium, satellite dish, desert plateau, control room
        the fog [lift], the pressure [drop], the sky [darken], the telescope [arrive], the solar storm [fade], the satellite [respond], the temperature [rise], the comet [vanish]
        warn the coastal towns, test a daring theory, calibrate the instruments, protect low flying aircraft, understand the ancient climate, publish an accurate forecast, improve the emergency plan, confirm the earlier calculations
        over""",
        """managers, accountants, secretaries, auditors, clerks, consultants, directors, bankers, lawyers, investors, executives, assistants
        review, approve, sign, reject, discuss, print, revise, submit, analyze, circulate
        quarterly, confidential, lengthy, overdue, incomplete, detailed, standard, identical, financial, preliminary, mandatory, misleading
        contracts, invoices, reports, budgets, proposals, petitions, agreements, memos, estimates, statements, applications, receipts
        conference room, filing cabinet, elevator, reception desk, photocopier, board room, coffee machine, corner office, main lobby, mail room
        the meeting [end], the deadline [pass], the auditor [complain], the market [recover], the printer [jam], the fiscal year [close], the chairman [resign], the office [reopen]
        convince skeptical shareholders, reduce unnecessary expenses, secure additional funding, satisfy the tax authorities, negotiate a better price, expand the overseas business, settle an old dispute, launch the subsidiary""",
        """carpenters, blacksmiths, potters, plumbers, masons, cobblers, glaziers, jewelers, woodworkers, locksmiths, upholsterers, sculptors
        build, polish, repair, design, assemble, varnish, carve, sell, decorate, restore
        oak, crooked, handmade, polished, painted, ornate, broken, rustic, heavy, expensive, portable, symmetrical
        cabinets, chairs, ladders, benches, drawers, bookshelves, cradles, doors, staircases, violins, wardrobes, picture frames
        workbench, lumber yard, paint shelf, sawmill, garage, drill press, brick chimney, furniture shop, forge, storage attic
        the glue [dry], the customer [call], the saw [break], the power [return], the delivery truck [arrive], the paint [harden], the inspection [begin], the lumber [run] out
        furnish the summer cottage, replace the ruined originals, match the old interior, complete an urgent order, demonstrate proper technique, surprise the newlyweds, survive decades of use, please a demanding customer""",
        """doctors, nurses, surgeons, pharmacists, dentists, paramedics, therapists, midwives, specialists, pediatricians, cardiologists, veterinarians
        treat, examine, reassure, monitor, visit, comfort, interview, assess, assist, vaccinate
        anxious, elderly, feverish, injured, recovering, sleepy, talkative, exhausted, stubborn, allergic, dehydrated, grateful
        patients, toddlers, athletes, veterans, infants, travelers, pensioners, children, refugees, teenagers, soldiers, survivors
        emergency room, ambulance, recovery ward, pharmacy, surgical unit, maternity clinic, nursing station, blood bank, therapy pool, intensive care unit
        the fever [break], the ambulance [return], the medicine [arrive], the night shift [end], the epidemic [spread], the operation [succeed], the headache [disappear], the vaccine [expire]
        prevent serious complications, speed up the recovery, calm worried relatives, contain the infection, evaluate a promising treatment, shorten the waiting list, relieve persistent pain, satisfy the hospital board""",
        """programmers, developers, testers, administrators, hackers, architects, operators, maintainers, interns, designers, contributors, statisticians
        debug, rewrite, deploy, document, test, optimize, delete, merge, review, benchmark
        faulty, legacy, modular, redundant, encrypted, experimental, parallel, outdated, elegant, inefficient, asynchronous, configurable
        scripts, modules, databases, servers, functions, algorithms, libraries, compilers, prototypes, interfaces, plugins, schedulers
        server rack, data center, whiteboard, standing desk, network closet, meeting corner, loading bay, developer lounge, cooling unit, backup console
        the build [fail], the server [crash], the release [ship], the memory [run] out, the network [recover], the password [expire], the download [finish], the experiment [conclude]
        eliminate a memory leak, simplify the interface, accelerate the nightly build, reproduce a puzzling failure, support additional languages, protect sensitive information, shorten the response time, migrate the remaining customers""",
        """curators, archaeologists, historians, collectors, librarians, archivists, antiquarians, restorers, explorers, appraisers, guides, anthropologists
        discover, catalog, preserve, exhibit, restore, photograph, borrow, identify, donate, auction
        ancient, priceless, bronze, cracked, medieval, ceremonial, forgotten, engraved, primitive, faded, authentic, Egyptian
        statues, vases, coins, manuscripts, portraits, necklaces, helmets, mosaics, tapestries, daggers, masks, sculptures
        burial chamber, marble staircase, glass case, excavation site, temple ruins, gallery entrance, ivory throne, vaulted ceiling, museum archive, sacred well
        the exhibition [open], the tomb [collapse], the expedition [return], the auction [begin], the museum [close], the excavation [resume], the grant [expire], the flood [recede]
        educate the general public, trace a lost civilization, prevent further decay, attract international visitors, settle a scholarly argument, expand the permanent collection, honor a generous donor, reconstruct the royal palace""",
        """journalists, editors, reporters, columnists, publishers, broadcasters, cartoonists, photographers, novelists, translators, bloggers, correspondents
        publish, edit, print, write, translate, shorten, criticize, verify, quote, distribute
        shocking, exclusive, humorous, anonymous, political, weekly, factual, sensational, thoughtful, biased, illustrated, persuasive
        headlines, articles, interviews, editorials, stories, captions, biographies, novels, pamphlets, magazines, newsletters, obituaries
        printing press, newsroom, press gallery, news stand, publishing house, city archive, camera crew, television studio, editorial office, courthouse
        the scandal [erupt], the minister [resign], the election [end], the deadline [approach], the witness [speak], the rumor [spread], the trial [begin], the mayor [apologize]
        inform the voting public, expose widespread corruption, increase the circulation, correct an embarrassing mistake, defend the freedom of speech, amuse loyal subscribers, influence public opinion, anticipate the election results""",
        """actors, dancers, directors, stagehands, puppeteers, magicians, acrobats, comedians, choreographers, playwrights, filmmakers, jugglers
        rehearse, perform, film, improvise, admire, invent, direct, watch, applaud, cancel
        tragic, comic, daring, clumsy, magical, silent, dramatic, improvised, ridiculous, theatrical, breathtaking, energetic
        comedies, ballets, stunts, monologues, pantomimes, musicals, tragedies, scenes, sketches, auditions, illusions, performances
        stage door, spotlight, dressing room, orchestra pit, ticket booth, costume closet, balcony, circus tent, projection room, open air theater
        the spotlight [dim], the curtain [fall], the critic [arrive], the rehearsal [end], the understudy [panic], the crowd [cheer], the premiere [begin], the backdrop [tumble]
        delight the younger spectators, support a local charity, revive a forgotten tradition, fill the empty seats, attract a famous producer, shock the conservative critics, inspire future performers, conclude the winter season""",
        """rangers, zookeepers, biologists, hikers, zoologists, trackers, conservationists, naturalists, campers, hunters, shepherds, ecologists
        observe, photograph, follow, count, protect, feed, study, describe, sketch, track
        shy, nocturnal, playful, endangered, hungry, young, curious, aggressive, lonely, solitary, orphaned, majestic
        foxes, elephants, otters, squirrels, eagles, tigers, dolphins, badgers, penguins, tortoises, leopards, kangaroos, gorillas, flamingos
        waterfall, ranger cabin, hollow log, river bend, cave entrance, swamp, pine forest, watering hole, observation tower, bamboo grove
        the sun [set], the snow [melt], the dry season [begin], the river [freeze], the wind [change], the herd [move] north, the hunting season [end], the wildfire [spread]
        estimate the population, document their migration, understand unusual behavior, prevent illegal hunting, complete a national survey, film a television documentary, protect the fragile habitat, train inexperienced rangers""",
        """tailors, weavers, seamstresses, shopkeepers, merchants, laundresses, knitters, milliners, dressmakers, importers, wholesalers, retailers
        sew, mend, wash, sell, embroider, stitch, dye, purchase, exchange, advertise
        woolen, silk, striped, fashionable, embroidered, waterproof, cotton, colorful, secondhand, luxurious, oversized, comfortable
        jackets, sweaters, scarves, blankets, curtains, uniforms, trousers, mittens, aprons, dresses, raincoats, cushions
        sewing machine, fitting room, shop window, clothes line, spinning wheel, button drawer, textile mill, market stall, fashion boutique, cutting table
        the winter sale [begin], the shop [close], the fashion show [start], the thread [snap], the price [drop], the shipment [arrive], the weather [cool], the tourist season [end]
        outfit the school orchestra, clothe needy families, satisfy a wealthy client, brighten the living room, imitate an older pattern, prepare for the carnival, clear out the warehouse, introduce a bolder style""",
        """chemists, inventors, experimenters, engineers, manufacturers, technologists, specialists, metallurgists, opticians, contractors, innovators, roboticists
        invent, assemble, calibrate, test, patent, improve, dismantle, install, demonstrate, adjust
        portable, sensitive, digital, powerful, compact, automatic, ultraviolet, accurate, wireless, mechanical, programmable, unreliable
        sensors, batteries, robots, lasers, microscopes, thermometers, turbines, compressors, amplifiers, transmitters, reactors, propellers
        laboratory, assembly line, control panel, test chamber, cooling tower, fuel tank, clean room, power station, machine shop, wind tunnel
        the alarm [sound], the fuse [blow], the pressure [rise], the prototype [overheat], the patent [expire], the temperature [stabilize], the funding [arrive], the reactor [cool]
        double the production capacity, detect hidden impurities, conserve valuable energy, replace dangerous chemicals, automate a repetitive task, measure the slightest vibration, satisfy strict regulations, power a remote village""",
        """planners, mayors, surveyors, officials, councilors, builders, developers, residents, commissioners, politicians, environmentalists, firefighters
        renovate, inspect, photograph, design, visit, finance, evacuate, map, discuss, admire
        public, historic, modern, deserted, neglected, crumbling, suburban, famous, controversial, underground, spacious, municipal
        bridges, libraries, apartments, stadiums, tunnels, fountains, playgrounds, warehouses, skyscrapers, parking garages, monuments, neighborhoods
        town hall, river bank, central square, railway station, cathedral, shopping district, city park, botanical garden, bus terminal, old fortress
        the election [approach], the budget [shrink], the protest [end], the mayor [object], the river [flood], the road [reopen], the construction [begin], the population [grow]
        improve public transportation, attract young families, reduce the traffic noise, satisfy the city council, create affordable housing, preserve the historic center, modernize the water supply, encourage local businesses
        in""",
        """climbers, mountaineers, cyclists, runners, trainers, coaches, swimmers, skiers, referees, gymnasts, adventurers, skaters
        attempt, describe, complete, organize, film, postpone, plan, survive, recommend, enjoy
        ambitious, exhausting, demanding, legendary, grueling, risky, scenic, hazardous, competitive, unforgettable, international, strenuous
        marathons, expeditions, tournaments, races, climbs, descents, relays, championships, triathlons, workouts, excursions, regattas
        base camp, finish line, stadium, swimming pool, ski lift, glacier, summit cabin, training ground, running track, mountain pass
        the weather [improve], the whistle [blow], the ice [crack], the season [open], the champion [retire], the medal ceremony [begin], the snowstorm [end], the crowd [leave]
        break a national record, raise money for research, qualify for the Olympics, defeat their oldest rivals, overcome a painful injury, motivate younger athletes, explore the northern valleys, honor a fallen teammate
        in""",
        """postmen, couriers, messengers, truckers, shippers, suppliers, distributors, packers, loaders, traders, exporters, forwarders
        deliver, sort, weigh, unpack, label, collect, inspect, stack, forward, return
        heavy, urgent, sealed, oversized, mislabeled, waterproof, suspicious, lightweight, fragile, undelivered, valuable, unclaimed
        parcels, packages, crates, containers, boxes, barrels, suitcases, cartons, baskets, trunks, shipments, bundles
        post office, customs counter, conveyor belt, loading dock, mailbox, sorting room, front porch, warehouse gate, cargo terminal, delivery van
        the holiday rush [begin], the plane [land], the border [reopen], the storm [delay] the ferry, the truck [arrive], the address [change], the driver [return], the warehouse [close]
        satisfy impatient customers, meet the holiday demand, reach remote villages, prevent costly mistakes, speed up the inspection, finish the evening route, fulfill an overseas order, empty the crowded depot""",
        """pilots, astronauts, controllers, aviators, stewards, flyers, cosmonauts, parachutists, instructors, balloonists, aeronauts, astrophysicists
        launch, inspect, test, examine, repair, track, photograph, admire, steer, dismantle
        gigantic, experimental, fragile, silver, noisy, heavy, commercial, military, outdated, lightweight, unusual, dependable
        airplanes, helicopters, gliders, rockets, balloons, satellites, drones, shuttles, jets, airships, spacecraft, biplanes
        runway, control tower, hangar, launch pad, fuel depot, departure gate, radar station, desert airfield, aviation museum, landing strip
        the countdown [begin], the fog [clear], the engine [stall], the runway [freeze], the mission [end], the radio [fail], the fuel [arrive], the wind [settle]
        survey the polar regions, break the altitude record, evacuate stranded tourists, entertain the airshow crowd, map the lunar surface, prepare for a longer mission, simulate an emergency landing, study the upper atmosphere""",
        """detectives, officers, sheriffs, attorneys, judges, prosecutors, guards, investigators, constables, sergeants, deputies, magistrates
        question, identify, interview, release, arrest, describe, pursue, recognize, warn, follow
        nervous, suspicious, masked, notorious, innocent, cunning, reluctant, dishonest, anonymous, uncooperative, cooperative, desperate
        suspects, witnesses, burglars, smugglers, thieves, prisoners, informers, strangers, pickpockets, impostors, forgers, bystanders
        courthouse, police station, prison gate, jewelry store, crime scene, parking lot, bank vault, hotel lobby, alley, interrogation room
        the trial [begin], the alarm [ring], the jury [return], the robbery [occur], the evidence [arrive], the judge [leave], the verdict [change], the patrol car [stop]
        solve a baffling mystery, recover the stolen paintings, protect a frightened witness, uncover an international conspiracy, restore public confidence, close the investigation, establish the exact time, locate the missing jewels""",
    )
)

NAMES = words("""Abigail, Adam, Adrian, Agnes, Alan, Albert, Alice, Amanda, Amir, Andrea, Angela, Anita, Anton,
    Arthur, Audrey, Barbara, Beatrice, Benjamin, Bernard, Bridget, Bruno, Camilla, Carlos, Caroline, Cecilia, Charles,
    Chloe, Clara, Colin, Connor, Cynthia, Daniel, Daphne, David, Deborah, Dennis, Diana, Dominic, Dorothy, Douglas,
    Edith, Edward, Eleanor, Elena, Elias, Elizabeth, Emily, Emma, Eric, Esther, Eugene, Fatima, Felix, Fiona, Florence,
    Francis, Frederick, Gabriel, George, Gerald, Gloria, Gordon, Grace, Gregory, Hannah, Harold, Harriet, Hassan,
    Heather, Helen, Henry, Howard, Hugo, Ingrid, Irene, Isaac, Isabel, Ivan, Jacob, Jasmine, Jeremy, Jessica, Joanna,
    Jonathan, Joseph, Julia, Karen, Katherine, Keith, Kenneth, Laura, Lawrence, Leonard, Lillian, Linda, Lucas, Lydia,
    Magnus, Malcolm, Marcus, Margaret, Maria, Martin, Matthew, Maya, Melissa, Michael, Miriam, Monica, Nadia, Naomi,
    Natalie, Nathan, Nicholas, Nina, Nora, Oliver, Olivia, Omar, Oscar, Pamela, Patricia, Pedro, Penelope, Peter,
    Philip, Priya, Rachel, Raymond, Rebecca, Richard, Robert, Roger, Rosalind, Ruth, Samuel, Sandra, Sebastian, Simon,
    Sophia, Stella, Stephen, Sylvia, Theodore, Thomas, Timothy, Valerie, Victor, Vincent, Virginia, Walter, Wendy,
    William, Yasmin, Yolanda, Zachary""")

CITIES = words("""Amsterdam, Ankara, Athens, Atlanta, Baltimore, Barcelona, Belfast, Belgrade, Berlin, Birmingham, Boston,
    Brisbane, Brussels, Budapest, Cairo, Calgary, Chicago, Cincinnati, Cleveland, Copenhagen, Dallas, Denver, Detroit,
    Dublin, Edinburgh, Florence, Geneva, Glasgow, Hamburg, Havana, Helsinki, Houston, Istanbul, Jakarta, Johannesburg,
    Lisbon, Liverpool, London, Madrid, Manchester, Manila, Melbourne, Memphis, Miami, Milan, Minneapolis, Montreal,
    Moscow, Mumbai, Munich, Nairobi, Naples, Nashville, Orlando, Oslo, Ottawa, Oxford, Paris, Philadelphia, Phoenix,
    Pittsburgh, Portland, Prague, Sacramento, Santiago, Seattle, Singapore, Stockholm, Sydney, Tokyo, Toronto,
    Vancouver, Venice, Vienna, Warsaw, Wellington, Zurich""")

SURNAMES = words("""Abbott, Alvarez, Anderson, Bailey, Baxter, Bennett, Bishop, Blackwell, Bradley, Brennan, Burton, Calloway,
    Campbell, Carlson, Chandler, Coleman, Crawford, Cunningham, Dalton, Davidson, Dawson, Donovan, Edwards, Ellison,
    Emerson, Fairbanks, Ferguson, Fischer, Fleming, Fletcher, Freeman, Gallagher, Garrison, Goldberg, Goodwin, Graham,
    Hamilton, Hanson, Harper, Hastings, Henderson, Hoffman, Holloway, Hughes, Hutchinson, Jefferson, Jenkins, Johansson,
    Kaplan, Keller, Kennedy, Kowalski, Lambert, Larson, Lawson, Levine, Lopez, Maddox, Marshall, Martinez, Maxwell,
    McCarthy, Mendoza, Mitchell, Montgomery, Morrison, Nelson, Newton, Nichols, Norton, Novak, Parker, Patterson,
    Pearson, Pereira, Petrov, Quinn, Ramirez, Reynolds, Richardson, Robinson, Rossi, Russell, Sanders, Schneider,
    Shepherd, Simmons, Stanton, Sullivan, Tanaka, Thompson, Turner, Vance, Wagner, Wallace, Watson, Weaver, Whitaker,
    Winters, Yamamoto""")

STREETS = words("""Acorn, Ashland, Aspen, Bayview, Beacon, Bleecker, Bridge, Broadview, Canal, Castle, Cedar, Chapel, Cherry,
    Chestnut, Church, College, Columbia, Cypress, Dover, Elm, Fairview, Fifth, Forest, Franklin, Fulton, Garden,
    Grove, Harbor, Hawthorne, Hickory, Highland, Hudson, Jefferson, Juniper, Kensington, Lakeside, Laurel, Lexington,
    Liberty, Lincoln, Locust, Madison, Magnolia, Main, Maple, Market, Meadow, Mill, Monroe, Mulberry, Ninth, Oak,
    Orchard, Park, Pearl, Pine, Pleasant, Poplar, Prospect, Quarry, Ridge, River, Rosewood, Second, Seventh, Spring,
    Spruce, State, Summit, Sunset, Sycamore, Tenth, Third, Tremont, Union, Valley, Vernon, Walnut, Washington, Willow""")

TRAITS = words("""patient, skilled, cheerful, careful, clever, young, veteran, hopeful, diligent, ambitious, brave, busy,
    calm, capable, cautious, confident, considerate, courageous, creative, curious, dedicated, determined, devoted,
    disciplined, efficient, eager, enthusiastic, experienced, fearless, friendly, generous, gifted, hardworking,
    helpful, honest, humble, imaginative, independent, industrious, ingenious, inquisitive, inventive, knowledgeable,
    local, loyal, methodical, meticulous, modest, observant, optimistic, organized, persistent, polite, practical,
    professional, proud, punctual, quiet, resourceful, respected, retired, sensible, serious, seasoned, smiling,
    studious, stubborn, successful, talented, thoughtful, tireless, trustworthy, weary, wise, youthful,
    adventurous, energetic, famous, foreign, newly hired, self-taught, well-known, overworked, soft-spoken""")

DETERMINERS = words("""several, many, most, some, those, these, our, their, two, three, four, five, six, seven, eight, nine,
    ten, eleven, twelve, twenty, thirty, forty, dozens of, hundreds of, countless, various, numerous, certain, other,
    additional, nearly all, only a few, at least two, almost twenty, half of the, my favorite, your, both, such, fewer""")

# Before the subject, without a comma.
OPENERS = words("""yesterday, recently, eventually, suddenly, quietly, gradually, finally, occasionally, sometimes, often,
    soon, meanwhile, later, early that morning, once, one evening, apparently, reportedly, initially, originally,
    previously, surprisingly, evidently, luckily, unfortunately, fortunately, silently, patiently, reluctantly,
    cautiously, proudly, skillfully, secretly, hastily, cheerfully, calmly, bravely, briefly, repeatedly, promptly,
    regularly, routinely, deliberately, methodically, ultimately, shortly before noon, twice that week, last weekend,
    this morning, that afternoon, throughout the night, despite the noise, without any warning, within an hour,
    against all advice, under close supervision, every autumn, each night, all afternoon, long ago, then, next,
    afterwards, over the weekend, somehow, only yesterday, at first, in the end, to save time,
    almost immediately, by chance, strangely, predictably, thankfully, naturally, inevitably""")

MANNERS = words("""carefully, quickly, patiently, secretly, happily, successfully, efficiently, gracefully, deliberately,
    enthusiastically, systematically, discreetly, thoroughly, cautiously, energetically, hurriedly, independently,
    methodically, repeatedly, voluntarily, willingly, skillfully, promptly, generously, hesitantly, confidently,
    meticulously, effortlessly, silently, unexpectedly""")

PREPOSITIONS = words(
    "near, beside, behind, close to, not far from, next to, opposite, just beyond, across from"
)

SHORT_PREPOSITIONS = words("near, beside, behind, opposite, close to, next to")

QUALITIES = words("""remarkable, considerable, obvious, extraordinary, genuine, unusual, quiet, impressive, tremendous,
    reasonable, exceptional, noticeable, admirable, sufficient, increasing, visible, surprising, unmistakable""")
VIRTUES = words("""patience, accuracy, enthusiasm, confidence, precision, dignity, caution, determination, imagination,
    energy, humor, courage, curiosity, discipline, efficiency, kindness, skill, satisfaction, pride, hesitation""")
TROUBLE_KINDS = words("""unexpected, constant, minor, repeated, serious, endless, unavoidable, occasional,
    frequent, mysterious, further, persistent, numerous, annoying, predictable, countless""")
TROUBLES = words("""delays, interruptions, complaints, shortages, objections, distractions, difficulties, setbacks,
    misunderstandings, restrictions, rumors, doubts, disagreements, obstacles, accidents, warnings, problems""")
LACKS = words("""hesitation, interruption, supervision, assistance, difficulty, complaint, further delay, permission,
    much enthusiasm, proper equipment, a single mistake, anyone noticing, official approval, adequate preparation""")

WEEKDAYS = words("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday")
DAY_PARTS = words("morning, afternoon, evening, night")
MONTHS = words(
    """January, February, March, April, May, June, July, August, September, October, November, December"""
)
MOMENTS = words("noon, midnight, sunrise, sunset, lunch, breakfast, dinner, dawn, dusk, supper")
SPANS = words("hours, days, weeks, months, minutes")
COUNTS = words("two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, twenty")
OCCASIONS = words("""summer holidays, heat wave, annual festival, winter break, rainy season, power outage, lunch break,
    national holiday, long weekend, recent strike, school vacation, financial crisis, coldest winter, evening rush,
    royal visit, full moon, economic boom, village fair, spring thaw, presidential campaign""")

# After "<Gerund> ...": what it does, whoever does it.
EFFECTS = words("""requires patience, demands steady concentration, rewards careful planning, takes years of practice,
    costs surprisingly little, keeps the mind alert, can be enormously satisfying, seldom goes according to plan,
    remains a demanding profession, calls for quick decisions, became a popular hobby, needs a cool head,
    brings people closer together, seems easier than it is, involves considerable risk, is harder at night,
    gives everyone a sense of purpose, leaves little time for lunch, makes the hours fly, tests anyone's endurance""")

REPORTS = words("""announced, confirmed, explained, reported, insisted, estimated, revealed, suggested, concluded, noticed,
    remembered, discovered, mentioned, acknowledged, predicted, admitted, demonstrated, complained""")
PERSUADED = words("""asked, persuaded, reminded, encouraged, instructed, advised, invited, helped, expected, trained,
    begged, urged, told, convinced, allowed, hired""")
SOMEBODY = words("""nobody, everyone, somebody, hardly anyone, no one,
    everybody, critics, tourists, experts, people, parents, locals, pensioners, economists, passersby, outsiders,
    insiders, visitors, skeptics, optimists, observers, grandparents, taxpayers""")
THOUGHTS = words("""believed, suspected, agreed, doubted, realized, hoped, imagined, knew, assumed, feared, denied,
    recognized, understood, remembered, expected, claimed""")

# Second sentences of long texts.
THINGS = words("""result, outcome, effort, decision, journey, plan, experience, celebration, discovery, investigation,
    conversation, arrangement, experiment, operation, afternoon, project, schedule, agreement, ceremony, assignment""")
JUDGEMENTS = words("""satisfying, disappointing, memorable, impressive, exhausting, encouraging, confusing, successful,
    expensive, delightful, peculiar, predictable, embarrassing, inspiring, productive, worthwhile, chaotic, rewarding,
    complicated, reassuring""")
AUDIENCES = words("""neighbors, visitors, critics, newspapers, relatives, authorities, shareholders, committee members,
    eyewitnesses, colleagues, tourists, younger generations, local merchants, competitors, organizers, spectators""")
REMAINDERS = words("""coffee, paperwork, laughter, rain, confusion, silence, applause, arithmetic, cleaning, music,
    gossip, daylight, money, equipment, excitement, traffic, evidence, fresh air, cold soup, birthday cake""")
SENSIBLE = words("""repeat the exercise, take a short vacation, publish the figures, check every number twice,
    write down the lessons, thank the organizers, celebrate with fireworks, start again from scratch, hire more help,
    leave the rest until morning, share the credit, ask for a second opinion, photograph the whole scene,
    keep a detailed diary, sleep until noon, invite the mayor, go home by taxi, cancel the following appointment,
    order pizza for everybody, compare the two methods""")

# base -> past, participle
IRREGULAR = {
    "build": ("built", "built"), "sell": ("sold", "sold"), "rewrite": ("rewrote", "rewritten"),
    "write": ("wrote", "written"), "feed": ("fed", "fed"), "sew": ("sewed", "sewn"),
    "fly": ("flew", "flown"), "ring": ("rang", "rung"), "begin": ("began", "begun"),
    "meet": ("met", "met"), "leave": ("left", "left"), "rise": ("rose", "risen"),
    "break": ("broke", "broken"), "run": ("ran", "run"), "spread": ("spread", "spread"),
    "speak": ("spoke", "spoken"), "fall": ("fell", "fallen"), "set": ("set", "set"),
    "freeze": ("froze", "frozen"), "blow": ("blew", "blown"), "shrink": ("shrank", "shrunk"),
    "grow": ("grew", "grown"),
}  # fmt: skip
DOUBLED = frozenset(words("trim, wrap, debug, map, stop, ship, drop, snap, plan, jam, occur"))
