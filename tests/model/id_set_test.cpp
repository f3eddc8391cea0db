#include <gtest/gtest.h>

#include "model/knob.h"

namespace treeline {
namespace {

TEST(IdSet, IsWrittenInTheKernelsListFormat) {
  EXPECT_EQ(format_id_set({}), "");
  EXPECT_EQ(format_id_set({{3}}), "3");
  EXPECT_EQ(format_id_set({{0, 1}}), "0-1");
  EXPECT_EQ(format_id_set({{0, 1, 2, 5}}), "0-2,5");
  EXPECT_EQ(format_id_set({{0, 2, 4}}), "0,2,4");
  EXPECT_EQ(format_id_set({{7, 8, 9, 63, 64}}), "7-9,63-64");
}

TEST(IdSet, ReadsWhatTheKernelPrints) {
  EXPECT_EQ(parse_id_set("0-2,5\n")->ids, (std::vector<int>{0, 1, 2, 5}));
  EXPECT_EQ(parse_id_set("7")->ids, (std::vector<int>{7}));
  EXPECT_EQ(parse_id_set("3-3")->ids, (std::vector<int>{3}));
  EXPECT_TRUE(parse_id_set("")->ids.empty());
  EXPECT_TRUE(parse_id_set("\n")->ids.empty());
}

TEST(IdSet, EverySubsetOfTenIdsGoesBothWays) {
  for (int bits = 0; bits < 1 << 10; ++bits) {
    IdSet set;
    for (int id = 0; id < 10; ++id) {
      if ((bits >> id & 1) != 0) set.ids.push_back(id);
    }
    const Result<IdSet> again = parse_id_set(format_id_set(set));
    ASSERT_TRUE(again) << format_id_set(set);
    ASSERT_EQ(*again, set);
  }
}

TEST(IdSet, RefusesEverythingElse) {
  for (const char* text : {"a", "0-", "-1", "1-0", "0,0", "1,0", "0-2,1", "0,,1", ",0", "0,", "0 1", " 0",
                           "0x1", "1.0", "0-1-2", "99999999999", "0-70000", "0-2147483647", "\xff"}) {
    const Result<IdSet> set = parse_id_set(text);
    EXPECT_FALSE(set) << "\"" << text << "\" was read as " << format_id_set(*set);
    if (set) continue;
    EXPECT_EQ(set.error().kind, ErrorKind::InvalidInput);
    EXPECT_FALSE(set.error().advice.empty());
  }
}

}  // namespace
}  // namespace treeline
