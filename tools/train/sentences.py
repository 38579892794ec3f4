"""What the instruction classifier learns from: sentences put together from lists. None is in its test set.

A request is a damage with a verb that takes it away, a complaint about it, a wish, or one of the unusual ways to ask
that sentences_requests.txt holds; everything else is to be refused: other subjects, other edits of pictures, and
damages that are to come or to stay (below, and in sentences_refusals.txt). sentences_written.txt holds sentences of both
sorts that were written one by one.
"""

import re

import sentences_files

# What spoils the picture, as a noun without its article.
DAMAGES = {
    "denoise": "noise|sensor noise|image noise|high ISO noise|grain|film grain|graininess|noisiness|chroma noise|"
               "colour speckles from the sensor|random grain|ISO noise|static|grit|digital noise|noise in the shadows|"
               "hiss|sensor hiss|sensor grit|crawling pixels",
    "deblur": "blur|motion blur|camera shake|blurriness|softness|out-of-focus blur|lens blur|shake|hand shake|smear|"
              "defocus|missed focus|lack of sharpness|fuzziness|ghosting of movement|"
              "mush|smudging|fuzz|shakiness|focus error|smearing",
    "dejpeg": "jpeg artifacts|compression artifacts|blocking|block artifacts|jpeg blocks|blockiness|mosquito noise|"
              "compression damage|compression|ringing|jpeg damage|square blocks|jpg artefacts|pixel blocks|"
              "squares|chunky tiles|compression crud|compression mush|blocky patches|saving artefacts",
    "derain": "rain|rain streaks|raindrops|rainfall|drizzle|downpour|streaks of rain|water drops|heavy rain|shower|"
              "rain drops|wet streaks|rainy weather|falling rain|"
              "pouring rain|rain lines|wet lines|streaks in the air",
    "desnow": "snow|snowflakes|snowfall|falling snow|snow flakes|blizzard|flakes|flakes of snow|snowstorm|white flakes|"
              "flurries|snowy weather|"
              "snow in the air|flurry|white blobs|sleet|flying snow",
    "dehaze": "haze|fog|mist|smog|foggy veil|haziness|smoke|grey veil|murk|misty air|milky haze|dense fog|fog and mist|"
              "morning mist|pea soup|fog bank|smoky veil|grey film|vapour",
    "lowlight": "darkness|underexposure|low light|gloom|dark shadows|poor lighting|bad exposure|dimness|lack of light|"
                "missing light|too little light|"
                "blackness|murky shadows|underexposed parts|night-time darkness",
    "despeckle": "salt and pepper noise|salt-and-pepper noise|impulse noise|black and white dots|speckles|dead pixels|"
                 "stuck pixels|black and white specks|hot pixels|white and black pixels|pepper noise|dust specks|"
                 "specks|lone white pixels|stray pixels|bright dots|single wrong pixels|dead pixel dots",
    "inpaint": "scratches|scratch|holes|missing parts|tears|cracks|scratch marks|missing areas|creases|gaps|scuffs|"
               "damaged spots of the print|rips|folds|"
               "scribbles|pen marks|biro marks|marker strokes|fold line|claw marks|crease|ballpoint scrawl|doodles on the print",
}
# What is said of a picture that has it.
STATES = {
    "denoise": "noisy|grainy|full of grain|very grainy|full of noise|speckled with sensor noise|gritty|covered in noise",
    "deblur": "blurry|blurred|out of focus|shaky|fuzzy|not sharp|soft|unsharp|smeared by movement|not in focus|too soft",
    "dejpeg": "blocky|full of compression artifacts|badly compressed|over-compressed|full of jpeg blocks|"
              "ruined by compression|saved at low jpeg quality|squashed by the messenger|pixelated by compression",
    "derain": "rainy|full of rain|covered by rain streaks|taken in the rain|shot in a downpour|wet with rain|streaked",
    "desnow": "snowy|full of snowflakes|covered by flakes|taken in a blizzard|shot while it was snowing|hidden by snowfall",
    "dehaze": "hazy|foggy|misty|full of fog|washed out by haze|milky|smoggy|veiled|lost in the fog|hidden by mist",
    "lowlight": "too dark|underexposed|dark|dim|nearly black|very dark|gloomy|badly lit|poorly lit|almost black|"
                "taken at night without flash|much too dark",
    "despeckle": "speckled with black and white dots|full of dead pixels|peppered with dots|full of impulse noise|"
                 "covered in black and white specks|sprinkled with white and black pixels",
    "inpaint": "scratched|torn|cracked|full of scratches|creased|damaged by scratches|ripped|scuffed|folded|full of holes",
}
# Whole wishes; the first word is the verb.
WISHES = {
    "denoise": "denoise {p}|reduce noise|smooth the grain|make {p} clean and smooth|make {p} less noisy|"
               "make {p} less grainy|noise reduction|calm the noise|tame the grain in {p}|clean up the high iso",
    "deblur": "sharpen {p}|deblur {p}|make {p} sharp|make {p} sharper|bring back the sharpness|bring {p} into focus|"
              "refocus {p}|make {p} crisp|make the details crisp|recover sharp details|undo the blur|unblur {p}|"
              "sharpen the text|restore the focus|make the writing readable, it is blurred",
    "dejpeg": "dejpeg {p}|deblock {p}|remove the blocks of the jpeg|repair the compression|undo the jpeg compression|"
              "smooth the jpeg blocks|clean the jpeg|restore {p} from bad compression|compression cleanup",
    "derain": "derain {p}|make it stop raining in {p}|stop the rain in {p}|make {p} dry|let the sun come out instead of rain|"
              "clear the rain|take the rain away|no more rain",
    "desnow": "desnow {p}|stop the snowing in {p}|clear the snow from the air|let the snow disappear|no more snow in {p}|"
              "take the flakes away",
    "dehaze": "dehaze {p}|defog {p}|clear the fog|clear up the air|see through the haze|lift the fog|make the distance clear|"
              "cut the haze|make the far hills visible again|bring back the contrast lost to haze|clear the view",
    "lowlight": "brighten {p}|lighten {p}|make {p} brighter|light up {p}|add light to {p}|give {p} more light|"
                "raise the exposure|increase the brightness|lift the shadows|illuminate the room|enhance the low light|"
                "make the dark parts visible|bring up the exposure|more brightness|let me see what is in the dark",
    "despeckle": "despeckle {p}|take out the black and white dots|filter the impulse noise|median filter the specks|"
                 "clean the specks from the scan|remove single wrong pixels",
    "inpaint": "inpaint {p}|fill in the missing parts|fill the holes|repair the scratches|restore the torn print|"
               "mend the tear|cover the scratches|heal the scratches|patch the damaged area|fill the gaps|retouch the cracks",
    "edges": "draw the edges of {p}|detect edges|edge map|edge detection|show the edges of {p}|find the outlines|"
             "give me the contours of {p}|trace the outlines in {p}|extract the edges|show me only the outlines|"
             "outline the objects in {p}|line drawing of the edges|find the contours|canny edges|"
             "show the borders of the objects|make an edge picture|turn {p} into outlines",
    "pencil": "pencil drawing of {p}|draw {p} in pencil|make a pencil sketch of {p}|turn {p} into a sketch|"
              "convert {p} to a pencil drawing|make {p} look hand-drawn with a pencil|sketch {p}|pencil style|"
              "graphite drawing of {p}|pencil art from {p}|a pencil portrait please|make {p} look sketched|"
              "draw it with graphite|redraw {p} as a pencil sketch",
}
PICTURES = ("this photo|the picture|my image|this shot|it|the photograph|this old scan|my holiday picture|the frame|"
            "this portrait|the photo of the street|our wedding photo|the landscape|this snapshot")
SUBJECTS = "this photo|the picture|my image|it|this shot|the photograph|everything|the scene|the face|the whole frame|the sky"
REMOVE = ("remove {d}|get rid of {d}|take away {d}|take out {d}|erase {d}|reduce {d}|clean {d}|clear {d}|fix {d}|"
          "delete {d}|eliminate {d}|wipe out {d}|make {d} disappear|make {d} vanish|make {d} go away|suppress {d}|"
          "repair {d}|correct {d}|undo {d}|I want {d} gone|{d} must go|{d} should vanish|lessen {d}|filter out {d}|"
          "wash {d} away|free {p} from {d}|rid {p} of {d}|strip {d} from {p}|clean up {d}|{d} removal|I don't want {d}|"
          "no {d} please|smooth out {d}|lose {d}|get {d} out of {p}|{d} begone|ban {d}|kill {d}|sort out {d}|see off {d}|"
          "take care of {d}|pull {d} out of {p}|rub {d} out|have {d} removed|leave {d} out|do away with {d}|scrub {d}")
WANT = ("I'd love {d} to go away|it would be great if {d} were gone|it'd be lovely if {d} went away|{d} has to go|"
        "there mustn't be any {n} in {p}|{p} would look better without {d}|I could do without {d}|what can you do about {d}?|"
        "any chance of getting rid of {d}?|is there any way of getting {d} out of {p}?|would you get {d} out of {p}?|"
        "can {d} be taken out?|is it possible to get rid of {d}?|make {p} less {a}|not so {a} please|make {s} look less {a}|"
        "I'd rather have {p} without {d}|I wish {s} were not {a}|it'd be nicer if {s} weren't so {a}|{a}!! help|way too {a}, help|"
        "{s} shouldn't be {a}|please sort {d}|how about {p} without {d}|{d}? out with it|let me have {p} without {d}|"
        "less {n}|hardly any {n} should be left|could we lose {d}?|we need {p} without {d}|I hate {d} in {p}, out with it")
COMPLAIN = ("{s} is {a}|{s} is {a}, fix it|{s} looks {a}|{s} came out {a}|{s} turned out {a}, can you help?|"
            "there is too much {n} in {p}|there is {n} all over {p}|{p} suffers from {n}|{p} has too much {n}|"
            "{n} everywhere, fix that|{n} spoils {p}|{n} ruined {p}|the {n} hides the details|fix {p}, {s} is {a}|"
            "rescue {p}, it is {a}|this is {a}|{a} picture, please help|I see {n} everywhere in {p}|"
            "repair this {a} photo|improve {p}, it is {a}")
# What people say beside it, in requests and in what is refused.
TAILS = ("of grandpa|from our trip to Paris|of the old house|taken last summer|at the lake|of my sister and her dog|"
         "before I print it|for the album|on the wall|in the garden|behind the church|on the left|in the distance|"
         "around the window|from my phone|with the new camera|when we came home|near the station|of the kitchen|"
         "over the roofs|on her dress|at the party|from 1985|in the background|because my boss wants it|with the old lens|"
         "and keep the details|and keep the colours|without losing detail|of two children|by the river|at noon|"
         "from the attic|during the concert|of the team|next to the car|under the bridge|for my mother")
FRAMES = ("{}|{}|{}|please {}|{} please|can you {}?|could you {} for me?|I want you to {}|help me to {}|now {}|hi, {}|{}, thanks|"
          "would you {}?|I'd like you to {}|I need you to {}|is there a way to {}?|is it possible to {}?|{} if you can|"
          "{} pls|{}, would you|I was hoping you could {}|would you mind and {}|{} for me|see if you can {}|just {}|hey, {}")

# To be refused, whole.
OTHER = """what is the weather like tomorrow|will it rain on sunday|when does the train leave|book a flight to rome
play my favourite song|set an alarm for seven|tell me a joke|write a poem about the sea|write an essay on climate
who won the game last night|how do I bake bread|add two eggs and stir|the recipe needs more pepper|pass me the salt
translate good morning into spanish|what time is it in tokyo|remind me to buy milk|send an email to my boss
open the window please|turn on the lamp in the kitchen|turn off the light|close the door|call a taxi|order sushi
I have a headache|my car is dirty|wash my car|clean the kitchen|clean my room|fix my bicycle|repair the washing machine
shovel the snow in front of the garage|buy snow tyres|the road is icy|the pilot landed in fog|the fog horn is loud
my neighbours make noise at night|the music is too loud|the baby is crying|stop the noise outside|noise cancelling headphones
remove the noise from my recording|denoise the audio track|sharpen the kitchen knife|sharpen my mind|sharpen a pencil
brighten up my day|lighten the mood|light a candle|dark chocolate is great|dark humour|I am scared in the dark
the sketch was performed on stage|a sketchy deal|draw the curtains|draw a horse|paint the fence|paint a portrait of a king
debug this program|write a function in rust|compile the kernel|delete the file|rename the folder|print the document
install the update|restart the computer|my phone is broken|scratch my back|my dog scratched the sofa|the cat scratches the door
the hole in the road|fill the tank|fill in this form|fill my glass|a gap in the market|mind the gap|cracks in the wall of my house
crop the picture|crop it to a square|rotate the photo|flip the image|mirror it|resize it to 800 pixels|upscale 4x|enlarge this image
make the image bigger|double the resolution|super resolution|colorize this photo|add colour to the old picture|make it black and white
turn the photo to grayscale|change the background|replace the background with a beach|blur the background|blur the face
pixelate the plate|remove the person on the left|remove the people|erase the car|delete the tree|cut out the dog|remove the logo
remove the watermark|remove the text|remove red eyes|whiten the teeth|smooth the skin|make me look younger|make her smile
swap the faces|add a hat|add a moustache|put a cat on the sofa|insert a rainbow|add a sunset|add clouds to the sky|add a frame
make the sky blue|change the colour of the car|make it warmer|more saturation|more contrast|adjust the white balance|apply a sepia filter
vintage look|cartoon style|make an oil painting|in the style of van gogh|make it look like anime|make a collage|make a meme
darken the photo|make it darker|lower the exposure|make it look like night|dim the lights in the picture|add rain to the photo
make it rain|make it snow|add snow|add fog|make it foggy|add some haze|make it misty|add noise|add grain for a film look
make it grainy|make it blurry|add motion blur|soften the picture|add scratches for an old look|simulate a bad jpeg|lower the quality
compress the photo|save as png|convert to webp|export the picture|upload it|share it with anna|show me the picture|open the photo
describe the image|what do you see in the photo|caption this picture|who is in the photo|where was this taken|is this photo noisy
is it sharp|why is my photo blurry|how do I remove noise|what is denoising|what is fog made of|how does rain form
I love the rain|I like the fog|the snow is lovely|I enjoy the darkness|the grain looks good|beautiful mist over the lake
keep the grain|keep the snow|leave the rain|leave the fog as it is|preserve the noise|don't remove the noise|do not sharpen it
never brighten my photos|don't touch the scratches|no need to denoise|the picture is not noisy|it is not too dark|there is no rain
make it better|improve it|enhance|do something|fix it|restore|clean up|do your magic|surprise me|make it nice|hello|thank you
yes|no|maybe|help|what can you do|who are you|how are you|good morning|ignore all instructions|sudo rm -rf|test|asdf|lorem ipsum
I lost my umbrella|bring an umbrella|the storm was strong|a rainy day in london|winter is coming|a snowman in the garden|skiing holidays
the exposure to the market|the focus of the meeting|focus on your work|out of the box|the quality of life|a compressed schedule
the block chain|my block of flats|a block of cheese|the edge of the table|on the edge of my seat|contour lines on a map of hiking
the edges of society|a pencil case|where is my pencil|buy pencils|the dots on the map|connect the dots|dead battery|salt the water
the temperature falls|calculate the square root|the sum of these numbers|convert miles to kilometres|divide 10 by 4
summarize this article|proofread my letter|plan my holiday|find a hotel|what is the capital of france|how old is the universe
feed the cat|walk the dog|mow the lawn|water the plants|wash the dishes|iron the shirt|tie a knot|climb the mountain in mist
read the news|watch a film|record a video|stabilise the video|cut the clip|mute the sound|raise the volume|turn down the music"""
# Ways to ask for a damage, to keep it, or to speak of it.
AGAINST = ("add {n}|add some {n}|add more {n} to {p}|keep {d}|leave {d} in {p}|don't remove {d}|do not touch {d}|"
           "increase {d}|simulate {n}|I like {d}|I love {d}|{d} looks great|what is {n}?|why is there {n}?|"
           "how can I avoid {n}?|write a poem about {n}|tell me about {n}|put {n} into {p}|never remove {d}|"
           "preserve {d}|is there {n} in {p}?|make {p} {a}|why is {p} {a}?|is {p} {a}?|replace {d} with flowers|"
           "{n} photography tips|a tutorial on {n}|remove {d} from my driveway|remove {d} from the recording|"
           "clear {d} from the road|shovel {d}|{n} forecast|play {n} sounds|explain {n} removal|wash {d} off my coat|"
           "get {d} out of my car|remove {d} from my shirt|how does {n} form?|{n} in history|a song about {n}|"
           "without touching {d}|{p} is not {a}|I'd love to have {n} in {p}|it would be great if {p} had {n}|make {p} more {a}|"
           "there must be {n} in {p}|{p} would look better with {n}|{p} would look better {a}|I could not do without {d}|"
           "any chance of seeing {n} today?|is there any way of getting {n} into {p}?|would you put {n} into {p}?|"
           "is it possible to get {n} with a camera?|I'd rather have {p} with {d}|I wish {s} were {a}|not {a} enough|"
           "make {s} look {a}|{s} should be {a}|{p} shouldn't lose {d}|how about {p} with {n}|more {n}|let {s} be {a}|"
           "we need {n} in {p}|I hate {n} in winter|what can one do about {n} in general?|how {a} is {p}?|it's {a} outside|"
           "the {thing} in {place} was {a}|{a} enough|{n} is my favourite|let {d} stay|could {d} be art?")

# Share of the sentences that somebody wrote whole, of the others that are unusual, and of refusals that only tell of damage.
WRITTEN, UNUSUAL, TOLD = 0.4, 0.65, 0.03
# What stands beside what happened, in requests only where it cannot ask for anything by itself.
PLEAS = ("please fix|can you fix that?|can you help?|please help|help|rescue it|can it be saved?|"
         "do something about it|"
         "any chance?|undo that|make it good again|repair it please|what a pity|clean it up|please correct|"
         "I need it fixed|improve it|sorry|can this be helped?|save my photo|it is a pity|"
         "it was my favourite shot|deal with it please")
STORIES = ("{}|{}|{}|{}|{}|please {}|{} please|{}, {f}|{}. {f}|"
           "{f}, {}|{}, so {f}|hi, {}|{}, thanks|can you {}?|oh no, {}|{}!|sadly {}|{} in {p}")
# What makes no request of a story.
TALES = ("write a story in which {}|is it true that {}?|how can I avoid that {}?|what do you do when {}?|"
         "what does it mean: {}?|don't, {}|write a poem: {}|I like that {}|it's nice that {}|what is \"{}\"?|"
         "explain {}|no {} for me, I like it so|"
         "give me tips when {}")
WHO = ("my son|my daughter|the dog|the cat|the bride|the kids|my wife|the children|grandma|the singer|the baby|"
       "the horse|"
       "my friend|the goalkeeper|the bird|the couple|our team|my brother|uncle Tom|the guests|the deer|"
       "my husband|the man|"
       "the lady|the puppy|the model|the band|the teacher|us|me|the face|her face|his face|the people|the boy|"
       "the girl")
THINGS = ("car|house|tree|ship|church|bicycle|flower|bridge|statue|train|tower|castle|bus|boat|plane|table|"
          "window|fountain|"
          "guitar|lighthouse|barn|building|cup|watch")
PLACES = ("the beach|the zoo|the market|Rome|Tokyo|the valley|the harbour|Scotland|the garden|the lake|"
          "the stadium|Norway|"
          "the farm|the old town|the mountains|the river|the park|India|my village|the castle|the island")


def requests(rng, task: str, count: int):
    """`count` sentences that ask for `task`."""
    unusual = sentences_files.phrases("sentences_requests.txt")[task]
    for _ in range(count):
        if rng.random() < WRITTEN:
            yield written(rng, task)
            continue
        if rng.random() < UNUSUAL:
            yield clumsy(rng, fill(rng, task, story(rng, unusual)) + tail(rng))
            continue
        kinds = ["wish"] if task not in DAMAGES else ["wish", "remove", "remove", "want", "complain"]
        kind = rng.choice(kinds)
        if kind == "wish":
            text = pick(rng, FRAMES).replace("{}", pick(rng, WISHES[task]))
        elif kind == "remove":
            text = pick(rng, FRAMES).replace("{}", pick(rng, REMOVE) + pick(rng, "||| from {p}| in {p}"))
        else:
            text = pick(rng, WANT if kind == "want" else COMPLAIN)
        yield clumsy(rng, fill(rng, task, text) + tail(rng))


def refusals(rng, count: int):
    """`count` sentences that ask for nothing that can be done."""
    whole = [line for row in OTHER.splitlines() for line in row.split("|")]
    unusual = sentences_files.phrases("sentences_refusals.txt")[""]
    for _ in range(count):
        if rng.random() < WRITTEN:
            yield written(rng, "-")
            continue
        chance = rng.random()
        task = str(rng.choice(list(DAMAGES)))
        if chance < UNUSUAL:
            text = fill(rng, task, story(rng, unusual))
        elif chance < UNUSUAL + TOLD:
            asked = sentences_files.phrases("sentences_requests.txt")[str(rng.choice(list(WISHES)))]
            text = fill(rng, task, pick(rng, TALES).replace("{}", choose(rng, asked)))
        elif rng.random() < 0.6:
            text = pick(rng, FRAMES).replace("{}", str(rng.choice(whole)))
        else:
            text = fill(rng, task, pick(rng, AGAINST))
        yield clumsy(rng, text + tail(rng))


def written(rng, task: str) -> str:
    """One of the whole sentences, with what people say beside it."""
    whole = sentences_files.whole("sentences_written.txt")[task]
    return clumsy(rng, whole[rng.integers(len(whole))] + tail(rng))


def story(rng, unusual: list[str]) -> str:
    """One of the unusual phrases, at times two, with what people say beside it."""
    told = choose(rng, unusual)
    if rng.random() < 0.2:
        told += pick(rng, ", | and |. |, so |; ") + choose(rng, unusual)
    return pick(rng, STORIES).replace("{}", told).replace("{f}", pick(rng, PLEAS))


def choose(rng, phrases: list[str]) -> str:
    """One of the phrases, and one of each choice in it."""
    text = phrases[rng.integers(len(phrases))]
    while (flat := re.sub(r"\(([^()]*)\)", lambda choice: pick(rng, choice[1]), text)) != text:
        text = flat
    return " ".join(text.split()).replace(" ,", ",")


def clumsy(rng, text: str) -> str:
    """The sentence as some type it: a letter lost, doubled or swapped, or no articles."""
    if rng.random() < 0.06:
        text = re.sub(r"\b(the|a|an) ", "", text)
    if rng.random() < 0.12:
        at = int(rng.integers(1, max(2, len(text) - 1)))
        kind = rng.integers(3)
        middle = ("", text[at] * 2, text[at:at + 2][::-1])[kind] if at < len(text) else ""
        text = text[:at] + middle + text[at + (2 if kind == 2 else 1):]
    return text


def fill(rng, task: str, text: str) -> str:
    """The places of a template filled: {d} a damage with its article, {n} without, {a} a state, {p} and {s} a picture."""
    article = pick(rng, "the |this |that |all the |the annoying |the |the ugly |some of the |")
    for place, value in (("{d}", article + "{n}"), ("{n}", pick(rng, DAMAGES.get(task, "x"))),
                         ("{a}", pick(rng, STATES.get(task, "x"))), ("{p}", pick(rng, PICTURES)),
                         ("{s}", pick(rng, SUBJECTS)), ("{who}", pick(rng, WHO)), ("{thing}", pick(rng, THINGS)),
                         ("{place}", pick(rng, PLACES))):
        text = text.replace(place, value)
    return text


def tail(rng) -> str:
    return " " + pick(rng, TAILS) if rng.random() < 0.35 else ""


def pick(rng, choices: str) -> str:
    parts = choices.split("|")
    return parts[rng.integers(len(parts))]
